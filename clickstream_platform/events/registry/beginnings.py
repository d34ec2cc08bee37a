"""The bytes with which serializers begin what they write. No Arrow: who looks at files asks for them, too."""

from __future__ import annotations

MAGIC = b"\x00"  # of a registry's serializers; then the id of the schema
HEAD = 5  # bytes: MAGIC, and the id
GLUE = (b"\x03\x00", b"\x03\x05")  # AWS Glue's serializers: a version, whether it is packed, 16 bytes of an id
SINGLE_OBJECT = b"\xc3\x01"  # of Avro's specification: then 8 bytes, CRC-64-AVRO of the schema. Never in a text
