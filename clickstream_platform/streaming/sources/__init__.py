"""Sources, WHAT arrives: tables of the lake, folders of files, topics of Kafka."""
