"""The lake: places, Delta tables, the one writer, the ledger in their commits, leases and generations."""
