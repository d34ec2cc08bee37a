"""A forgotten id leaves ``extra`` and declared columns of other visitors' events, whichever of the two there is."""

from __future__ import annotations

import pyarrow as pa
import pytest

from clickstream_platform.streaming.maintenance.other_ids import rows_without_ids

TEXT = pa.string()


@pytest.mark.parametrize("has_extra", [True, False])
def test_an_id_leaves_declared_columns_whether_or_not_there_is_anything_in_extra(has_extra: bool) -> None:
    rows = pa.RecordBatch.from_pydict(
        {
            "offset": [0, 1, 2, 3],
            "order_id": pa.array(["a", "b", None, "a"], TEXT),
            **({"extra": pa.array([None, None, '{"anonymousId":"a","more":1}', "{}"], TEXT)} if has_extra else {}),
        }
    )
    (left,) = rows_without_ids(iter([rows]), ids=frozenset(["a"]), paths=("anonymousId",), columns=("order_id",))
    assert left["order_id"].to_pylist() == ([None, None, None] if has_extra else [None, None])
    assert left["offset"].to_pylist() == ([0, 2, 3] if has_extra else [0, 3])
    assert not has_extra or left["extra"].to_pylist() == [None, '{"more":1}', "{}"]
