"""Micro-batches of the tables that read ``events``: one strategy a kind of state."""
