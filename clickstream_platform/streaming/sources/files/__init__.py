"""Files of a folder: listed, written down in manifests and read as bytes, without Spark."""
