"""Formats: records are the same whatever a file writes them in, and a format is told by what is there."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clickstream_platform.streaming.sources.files.json_values import json_values
from clickstream_platform.streaming.sources.files.manifest import BEFORE, PlannedFile
from clickstream_platform.streaming.sources.files.reading import read_task
from clickstream_platform.streaming.sources.source import PartRead
from clickstream_platform_tests.streaming.sources.files.formatted import FORMATTED, Found, found, recounted
from clickstream_platform_tests.streaming.sources.files.packing import PACK


def of(folder: Path, name: str, content: bytes, declared: str = "auto") -> Found:
    file = folder / name
    file.write_bytes(content)
    return found(file, declared)


# A field of text that is empty is not there: separated values cannot tell these apart.
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
_hard = st.sampled_from(['"', ",", ";", "\t", "\n", "\r\n", "a\r", '""', "\\", "}{", "[", "null", " ", "1e400", "ਊ"])
_names = ("user_id", "event_type", "timestamp", 'page, "url"')
_records = st.lists(
    st.fixed_dictionaries({_names[0]: _texts}, optional=dict.fromkeys(_names[1:], _texts | _hard)), max_size=8
)
_LAST = {"user_id": "last", "event_type": "click", "timestamp": "0", 'page, "url"': "/"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=_records,
    form=st.sampled_from(sorted(FORMATTED)),
    cuts=st.lists(st.integers(0, 8), max_size=3),
    codec=st.sampled_from(sorted(PACK)),
)
def test_any_records_in_any_format_cut_into_files_anyhow_are_those_of_json_lines(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, str]], form: str, cuts: list[int], codec: str
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    name, written = FORMATTED[form]
    bounds = sorted({0, len(records), *(cut for cut in cuts if cut < len(records))})
    read = list[dict[str, str]]()
    for number, (begin, end) in enumerate(pairwise(bounds)):
        some = [*records[begin:end], _LAST]
        file = folder / f"{number}-{name}"
        file.write_bytes(written(some) if form == "parquet" else PACK[codec](written(some)))
        values, part = found(file)
        assert part.fault is None
        assert [offset for offset, _ in values] == list(range(len(some)))
        assert recounted(file, part.format) == part.records == len(some)
        read += [json.loads(value) for _, value in values[:-1]]
    assert read == records


_JSON_SIGNS = st.sampled_from([*'{}[]",:\\ \n1a', "{}", '{"a":1}', '{"a":"}{"}', '\\"', ",", "]", "null"])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signs=st.lists(_JSON_SIGNS, max_size=25))
@example(signs=["[", "{}", " ", "]", "x"])
@example(signs=["{", "\\", '"', "}"])
def test_both_readings_of_json_agree_whatever_is_there(tmp_path: Path, signs: list[str]) -> None:
    values, part = of(tmp_path, "a", "".join(signs).encode(), "json")
    assert recounted(tmp_path / "a", "json") == (None if part.fault else len(values))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signs=st.lists(st.sampled_from(["\x1e", "\n", "{}", "{", " ", "\r\n"]), max_size=12), is_call=st.booleans())
def test_both_readings_of_framed_json_agree_whatever_is_there(tmp_path: Path, signs: list[str], is_call: bool) -> None:
    text = f"cb([{''.join(signs)}{{}}])" if is_call else f"\x1e{''.join(signs)}"
    values, part = of(tmp_path, "a", text.encode())
    assert part.format == ("jsonp" if is_call else "json-seq")
    assert recounted(tmp_path / "a", part.format) == (None if part.fault else len(values))


def test_a_text_that_is_cut_harms_no_other_of_its_sequence(tmp_path: Path) -> None:
    values, part = of(tmp_path, "a", b'\x1e{"a": 1}\n\x1e{"b"\x1e\x1e{"c":\n 3}\n')
    assert ([value for _, value in values], part.fault) == ([b'{"a": 1}', b'{"b"', b'{"c":\n 3}'], None)


_CSV_SIGNS = st.sampled_from(
    ['"', '""', ",", "\n", "\r\n", "\r", "a", " ", ";", "\t", "|", 'a,"b\nc"', "x,y\n", "x|y\n"]
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(signs=st.lists(_CSV_SIGNS, max_size=25), declared=st.sampled_from(["csv", "tsv"]))
def test_both_readings_of_separated_values_agree_whatever_is_there(
    tmp_path: Path, signs: list[str], declared: str
) -> None:
    values, part = of(tmp_path, "a", "".join(signs).encode(), declared)
    if part.format == declared:
        assert recounted(tmp_path / "a", declared) == (None if part.fault else len(values))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
@pytest.mark.parametrize("form", ["pretty array", "objects joined", "text sequence", "jsonp", "csv", "tsv"])
def test_a_text_may_be_cut_into_chunks_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, chunk: int
) -> None:
    objects = [{"a": 'say ""x"", \\', "b": "1\r\n2"}, {"a": "ü\\u0041", "b": "\t"}]
    name, written = FORMATTED[form]
    whole = of(tmp_path, name, written(objects))
    module = "clickstream_platform.streaming.sources.files"
    monkeypatch.setattr(f"{module}.unpacking.CHUNK", chunk)
    monkeypatch.setattr(f"{module}.count._CHUNK", chunk)
    values, part = found(tmp_path / name)
    assert (values, part) == whole
    assert [json.loads(value) for _, value in values] == objects
    assert recounted(tmp_path / name, part.format) == 2


OBJECT = b'{"user_id": "u"}'
TOLD = {
    "objects, one a line": ("a.json", OBJECT + b"\n" + OBJECT, "lines"),
    "one object": ("a.json", OBJECT, "lines"),
    "a first line of two, then one a line": ("a.json", OBJECT + OBJECT + b"\n" + OBJECT, "lines"),
    "a line that is cut, then one a line": ("a.json", OBJECT[:9] + b"\n" + OBJECT, "lines"),
    "arrays, one a line": ("a.json", b"[" + OBJECT + b"]\n[" + OBJECT + b"]\n", "lines"),
    "numbers": ("a.json", b"[1, 2]", "lines"),
    "an array": ("a.txt", b"[" + OBJECT + b", " + OBJECT + b"]\n\n", "json"),
    "an empty array": ("a", b" []", "json"),
    "an array over lines": ("a", b"[\n" + OBJECT + b"\n]", "json"),
    "a pretty object": ("a", b'{\r\n  "user_id": "u"\r\n}', "json"),
    "two in a line": ("a", OBJECT + OBJECT, "json"),
    "a text sequence": ("a", b"\x1e" + OBJECT + b"\n\x1e" + OBJECT, "json-seq"),
    "a text sequence named as a table": ("a.csv", b"\n\x1e" + OBJECT, "json-seq"),
    "a call": ("a.js", b"cb(" + OBJECT + b") ;\n", "jsonp"),
    "a call over lines": ("a.js", b"/*O_o*/\na.b.$c({\n" + OBJECT[1:] + b"\n)", "jsonp"),
    "calls, one a line": ("a.js", b"cb(" + OBJECT + b");\ncb(" + OBJECT + b");", "lines"),
    "a log of calls": ("a.log", b"cb(" + OBJECT + b") 200\ncb(" + OBJECT + b") 200", "lines"),
    "a table without a telling name": ("a.json", b"user_id,event_type\nu,click\n", "lines"),
    "a table that says whose events these are": ("a", b"user_id;event_type;at\nu;click;1\n", "csv"),
    "a table with bars": ("a", b"user_id|event_type|at\nu|click|1\n", "csv"),
    "such a header alone": ("a", b"user_id,event_type,at\n", "lines"),
    "such a header above rows that do not fit": ("a", b"user_id,event_type,at\nu,click\n", "lines"),
    "such a header above JSON": ("a", b"user_id,event_type,at\nu,click,1\n" + OBJECT, "lines"),
    "a table that says its separator, as Excel does": (
        "a",
        b"sep=;\r\nuser_id;event_type;at\r\nu;click;1\r\n",
        "csv",
    ),
    "three words a line": ("a", b"Error,when,starting\nall,went,well\n", "lines"),
    "rows without a header": ("a.csv", b"u,click,2024-03-01T10:00:00Z\nv,click,2024-03-01T10:00:01Z\n", "lines"),
    "an object that begins on its first line": ("a", b'{ "user_id": "u",\n  "n": {\n "m": 1 } }\n{"a"\n: 1}', "json"),
    "lines that end in commas": ("a", OBJECT + b",\n" + OBJECT + b",\n", "lines"),
    "a cut line, a whole one, and what was cut off": ("a", b'{"a":\n' + OBJECT + b"\n}\n", "lines"),
    "a table": ("a.csv", b"user_id,event_type\nu,click\n", "csv"),
    "a table with pandas' numbers of rows": ("a.csv", b",user_id,event_type\n0,u,click\n", "csv"),
    "a table with separators at its end": ("a.csv", b"user_id;event_type; ;\nu;click;;\n", "csv"),
    "a row with a blank in it": ("a.csv", b"u,,click\nv,,click\n", "lines"),
    "a row with blanks at its ends": ("a.tsv", b"\tshop\tweb\t\t\n", "lines"),
    "a packed name": ("a.csv.gz", b"user_id,event_type\nu,click\n", "csv"),
    "lines of JSON named as a table": ("a.csv", OBJECT + b"\n", "lines"),
    "lines of JSON behind a broken one, named as a table": ("a.csv", b"x,y\n" + OBJECT, "lines"),
    "an array named as a table": ("a.tsv", b"[" + OBJECT + b"]", "json"),
    "a table without a header, which has empty fields": ("a.tsv", b"shop\t\tweb\n", "lines"),
}


@pytest.mark.parametrize("case", TOLD)
def test_a_format_is_told_by_what_is_there(tmp_path: Path, case: str) -> None:
    name, content, its_format = TOLD[case]
    _, part = of(tmp_path, name, content)
    assert (part.format or "lines", part.fault) == (its_format, None)


@pytest.mark.parametrize("case", TOLD)
@pytest.mark.parametrize("declared", ["lines", BEFORE])
def test_what_is_declared_or_was_planned_as_lines_stays_lines(tmp_path: Path, case: str, declared: str) -> None:
    name, content, _ = TOLD[case]
    values, part = of(tmp_path, name, content, declared)
    assert part.format in ("", "lines")
    assert [value for _, value in values] == [line for line in content.split(b"\n") if line.strip()]


@pytest.mark.parametrize(
    "value",
    [
        *("2024-03-01T10:00:00Z", "20240301 1000", "1709287200", "-1709287200.5", "10.0.0.1", "https://shop/a"),
        "0F8FAD5B-d9cb-469f-a165-70867728950e",
    ],
)
def test_a_first_row_of_values_is_no_header_of_a_declared_table(tmp_path: Path, value: str) -> None:
    _, part = of(tmp_path, "a", f"u,{value}\nv,{value}\n".encode(), "csv")
    assert part.fault == f"CSV: it has no header: no column is called {value!r}"
    assert recounted(tmp_path / "a", "csv") is None


@pytest.mark.parametrize("name", ["2024-03-01", "2024", "12345678", "v1.2", "10:00", "utm_source", "a-b", "$ip"])
def test_a_name_of_digits_and_signs_may_be_a_column(tmp_path: Path, name: str) -> None:
    values, part = of(tmp_path, "a", f"u,{name}\nv,1\n".encode(), "csv")
    assert (values, part.fault) == ([(0, json.dumps({"u": "v", name: "1"}, separators=(",", ":")).encode())], None)
    assert recounted(tmp_path / "a", "csv") == 1


def test_a_table_is_told_by_its_first_rows_also_if_the_next_one_is_cut_there(tmp_path: Path) -> None:
    rows = "".join(f"u{n},click,{n}\n" for n in range(2_000))
    values, part = of(tmp_path, "a", f"user_id,event_type,at\n{rows}".encode())
    assert (len(values), part.format) == (2_000, "csv")


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_a_line_that_says_the_separator_is_no_row(tmp_path: Path, separator: str) -> None:
    rows = "".join(f"{separator.join(row)}\r\n" for row in (("user_id", "a"), ("u", "1"), ("v", "")))
    values, part = of(tmp_path, "a.csv", f"\ufeffSEP={separator}\r\n{rows}".encode())
    assert (values, part.fault) == ([(0, b'{"user_id":"u","a":"1"}'), (1, b'{"user_id":"v"}')], None)
    assert recounted(tmp_path / "a.csv", part.format) == 2


def test_a_declared_table_needs_no_telling_name(tmp_path: Path) -> None:
    values, part = of(tmp_path, "a", b'\n \nuser_id;"x,y"\nu;1\n\nv;\n', "csv")
    assert values == [(0, b'{"user_id":"u","x,y":"1"}'), (1, b'{"user_id":"v"}')]
    assert part.format == "csv"


def test_json_keeps_its_own_bytes_and_a_bad_object_is_a_record(tmp_path: Path) -> None:
    first, second, third = b'{"n": 1.10, "m": 1e400, "n": 2}', b"{oops: 'x'}", b"nonsense"
    values, part = of(tmp_path, "a", b"\xef\xbb\xbf[ " + first + b" ,\n" + second + b"," + third + b"\t]")
    assert values == [(0, first), (1, second), (2, third)]
    assert part.fault is None


@pytest.mark.parametrize("form", ["pretty array", "pretty objects", "objects joined", "array"])
def test_files_put_one_behind_another_are_read_whatever_begins_each(tmp_path: Path, form: str) -> None:
    content = b"\xef\xbb\xbf" + FORMATTED[form][1]([_LAST] * 3)
    values, part = of(tmp_path, "a.json", 3 * content)
    assert ([json.loads(value) for _, value in values], part.fault) == ([_LAST] * 9, None)
    assert recounted(tmp_path / "a.json", part.format) == 9


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_byte_order_mark_between_two_values_is_passed_over_however_the_text_is_cut(size: int) -> None:
    text = b"[" + OBJECT + b"]\xef\xbb\xbf\n\xef\xbb\xbf{}"
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    assert [each.value for each in json_values(chunks, 99)] == [OBJECT, b"{}"]


def test_utf_16_is_read_in_every_format_of_text(tmp_path: Path) -> None:
    for name, content in (("a.csv", "n,m\nä,ਊ\n"), ("a.json", '[{"n": "ä"}, {"n": "ਊ"}]')):
        values, part = of(tmp_path, name, ("\ufeff" + content).encode("utf-16-le"))
        assert (part.fault, part.format) == (None, name[2:])
        assert recounted(tmp_path / name, part.format) == len(values) > 0


REFUSED = {
    "an array that is cut": ("a.json", b"[" + OBJECT + b"," + OBJECT[:9], "JSON: it ends within a text"),
    "an array that is not closed": ("a.json", b"[" + OBJECT, "JSON: it ends within an array, after 17 bytes"),
    "a pretty object that is cut": ("a.json", b'{\n"a": {\n"b": 1\n}', "JSON: it ends within an object"),
    "something behind an array": ("a.json", b"[" + OBJECT + b"] x", "JSON: 'x' at byte 19 of its text"),
    "a comma too many": ("a.json", b"[" + OBJECT + b",]", "JSON: ']' at byte 18 of its text"),
    "a table cut within a text": ("a.csv", b'n,m\na,"b', "CSV: it ends within a quoted field"),
    "a name twice": ("a.csv", b"n,m,n\n1,2,3\n", "CSV: its header has 'n' twice"),
    "a table of an old Macintosh": ("a.csv", b"n,m\ra,b\rc,d\r", "CSV: its lines end in carriage returns alone"),
    "one with quotes": ("a.csv", b'"n","m"\r"a","b"\r', "CSV: its lines end in carriage returns alone"),
    "one with times": ("a.csv", b"n,ts\ra,2024-03-01T10:00:00Z\r", "CSV: its lines end in carriage returns alone"),
    "one that is called something else": ("a", b"user_id,event,ts\ru,click,1\r", "CSV: its lines end in carriage"),
    "two files of Parquet in one": ("a", 2 * FORMATTED["parquet"][1]([_LAST] * 9), "Parquet: two files, one after the"),
    "half a byte order mark at the end": ("a.json", b"[" + OBJECT + b"]\xef\xbb", "JSON: 'ï' at byte 18 of its text"),
    "Parquet without columns": ("a", FORMATTED["parquet"][1]([{}]), "Parquet: it has no columns"),
    "Parquet that is cut": ("a.parquet", FORMATTED["parquet"][1]([_LAST] * 9)[:-9], "Parquet: "),
    "Parquet's sign alone": ("a.parquet", b"PAR1" + bytes(99), "Parquet: "),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_seen_to_be_broken_is_refused_whole_and_counted_so(tmp_path: Path, case: str) -> None:
    name, content, finding = REFUSED[case]
    _, part = of(tmp_path, name, content)
    assert part.fault
    assert part.fault.startswith(finding)
    assert recounted(tmp_path / name, part.format) is None


def test_a_damaged_page_of_parquet_is_found_by_its_checksum(tmp_path: Path) -> None:
    content = bytearray(FORMATTED["parquet"][1]([_LAST] * 9, write_page_checksum=True, compression="none"))  # type: ignore[call-arg]
    content[content.index(b"click")] ^= 1
    _, part = of(tmp_path, "a", bytes(content))
    assert part.fault
    assert part.fault.startswith("Parquet: ")


def test_rows_that_do_not_fit_are_records_that_a_person_can_read(tmp_path: Path) -> None:
    header = b'n,"m"'
    bad = [b"1", b"1,2,3", b'"1"x,2', b"\xff,2", b'{"user_id": "u"}', b"5"]
    values, part = of(tmp_path, "a.csv", b"\n".join([header, *bad, b'1,"a ""b""\n,c"', b",", b""]), "csv")
    assert [value for _, value in values] == [
        *(header + b"\n" + row for row in bad), b'{"n":"1","m":"a \\"b\\"\\n,c"}', b"{}",
    ]  # fmt: skip
    assert part.fault is None


@pytest.mark.parametrize("form", ["array", "pretty objects", "csv", "tsv", "parquet"])
def test_a_record_that_is_too_long_is_told_by_its_beginning(tmp_path: Path, form: str) -> None:
    name, written = FORMATTED[form]
    file = tmp_path / name
    file.write_bytes(written([_LAST, {**_LAST, "user_id": "x" * 5_000}, _LAST]))
    entry = PlannedFile(name, file.stat().st_size, 0, 0, format="auto")
    batch, _ = read_task(tmp_path, [entry], 2_000)
    assert not isinstance(batch, PartRead)
    sizes, lengths = batch["size"].to_pylist(), [len(value) for value in batch["value"].to_pylist()]
    assert (sizes[1] > 5_000, lengths[1]) == (True, 1_000)
    assert sizes[0] == lengths[0] == lengths[2]


def test_an_array_of_300_megabytes_in_one_text_takes_little_memory(tmp_path: Path, peak: Any) -> None:
    file = tmp_path / "a.json"
    with file.open("wb") as out:
        out.write(b'[{"a": "')
        for _ in range(300):
            out.write(b"x" * 1_000_000)
    (_, part), most = peak(lambda: found(file))
    assert part.fault
    assert most < 30_000_000
