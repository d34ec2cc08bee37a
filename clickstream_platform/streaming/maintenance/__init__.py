"""What a lake needs over the years: housekeeping, retention, erasure, reprocessing."""
