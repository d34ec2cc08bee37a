"""Runs and streams: queries from start to stop."""
