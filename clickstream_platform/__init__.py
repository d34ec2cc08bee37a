"""Click events in, right Delta tables out: Spark Structured Streaming, run by Dagster."""
