"""Records of Kafka that a schema registry's serializers wrote: Avro and JSON Schema, read as JSON objects."""
