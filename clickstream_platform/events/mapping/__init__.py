"""Events in the shape of their producer: what a mapping declares, and how records are read by it. No Spark."""
