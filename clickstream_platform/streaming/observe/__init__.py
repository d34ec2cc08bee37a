"""Where tables and queries stand, without a JVM."""
