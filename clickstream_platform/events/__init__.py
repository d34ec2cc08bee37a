"""WHAT arrives: the schema of an event, its parsing, and a simulator with a known truth."""
