"""The JVM: which jars, which classes, which session."""
