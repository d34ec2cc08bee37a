"""A table's contract: six sentences, each of them a field."""
