"""Simulated visitors, the tables that must come of them, and a Kafka broker for development."""
