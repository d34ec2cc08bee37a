"""The promise, checked: every table against its query, every ledger against itself, every expectation."""
