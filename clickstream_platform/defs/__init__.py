"""Dagster only adapts: what a run does is in ``streaming``, what a table is in ``tables``."""
