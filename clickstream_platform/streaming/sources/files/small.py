"""Small files read together: what costs as much for one line as for a thousand is done once for many files."""

# pyarrow makes its compute functions when it is imported:
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from clickstream_platform.streaming.sources.files.contents import HEAD, binary_kind
from clickstream_platform.streaming.sources.files.json_layout import is_object_a_line
from clickstream_platform.streaming.sources.files.lines import LINES, ended_lines
from clickstream_platform.streaming.sources.files.raw import RawFile

LARGEST = 64_000  # bytes: a larger file costs more to read than to look at


def small_text(raw: RawFile, declared: str) -> bytes | None:
    """The whole text of a small file of JSON lines; None if it is large, a stretch, or may be anything else.

    What begins with a brace is neither packed nor has a byte order mark: if its format is a record a line, it is what
    :func:`.formats.file_records` would cut into lines as it is.

    Raises:
        Unreadable: the system does not give all bytes.
    """
    if declared == "json" or raw.start or raw.end > LARGEST or raw.peek(0, 1) != b"{":
        return None
    text = raw.peek(0, raw.end)
    return text if is_object_a_line(text) and binary_kind(text[:HEAD]) is None else None


def lines_of_texts(texts: Sequence[bytes], max_record_bytes: int) -> tuple[pa.RecordBatch, Any]:
    """The lines of several texts, none of which is empty, as :func:`.lines.split_lines` gives those of each.

    Returns:
        All of them, as ``LINES``, the offsets being the numbers of the lines in their own text; and for each line, an
        array of numpy, the place of its text among the texts.
    """
    ended = [text if text.endswith(b"\n") else text + b"\n" for text in texts]
    counts = [text.count(b"\n") for text in ended]
    begins = np.cumsum([0, *counts[:-1]])
    together, _ = ended_lines(b"".join(ended), 0, max_record_bytes)
    numbers = together["offset"].to_numpy()
    which = np.searchsorted(begins, numbers, side="right") - 1
    columns = [pa.array(numbers - begins[which], pa.int64()), together["value"], together["size"]]
    return pa.RecordBatch.from_arrays(columns, schema=LINES), which
