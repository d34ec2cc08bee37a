"""WHAT arrives: the schema of an event, and how records become events."""
