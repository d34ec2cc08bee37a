"""New alerts told to whoever should know: at least once each, never at the price of a table."""
