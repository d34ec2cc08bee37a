"""Events as they come, on the console; writes no table."""
