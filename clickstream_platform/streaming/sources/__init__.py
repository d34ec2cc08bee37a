"""Sources: WHAT arrives."""
