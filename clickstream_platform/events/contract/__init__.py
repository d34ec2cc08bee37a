"""Typed columns that the owner of a lake declares, and what becomes of values that break their rules. No Spark."""
