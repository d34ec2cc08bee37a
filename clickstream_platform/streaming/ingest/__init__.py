"""Records become events: the micro-batches of ``events`` and ``quarantine``."""
