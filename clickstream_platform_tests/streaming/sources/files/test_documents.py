"""A text that is one document is refused as what it is; whatever may be lines is read by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream_platform.streaming.sources.files.unreadable import Unreadable, remedy_of
from clickstream_platform_tests.streaming.sources.files.formatted import found, recounted
from clickstream_platform_tests.streaming.sources.files.packing import PACK, TEXT, naive, read, written

S3 = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"""
DOCUMENTS = {
    "an HTML page": [
        "<!DOCTYPE html>\n<html>\n<head><title>502</title></head>\n<body>{}</body>\n</html>\n",
        "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n</html>\r\n",
        "<html><body><h1>503 Service Unavailable</h1>\nNo server is available.\n</body></html>\n",
        "\n  <!-- a proxy's -->\n<!-- -->\n<HTML LANG='en'><BODY>Sign in</BODY></HTML>",
        "<!DOCTYPE html>\n" + "<p>a long page</p>\n" * 2_000 + "</html>",
    ],
    "an XML document": [
        S3,
        S3.replace("\n", ""),
        "<?xml version='1.0'?>\n<log>\n <event user='u1'/>\n <event user='u2'/>\n</log>\n",
        "<log>\n <event user='u1'/>\n <event user='u2'/>\n</log>\n",
        "<!DOCTYPE log SYSTEM 'log.dtd'>\n<log/>\n",
    ],
    "an HTTP response": ["HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nServer: nginx\r\n\r\nno\r\n"],
    "a mail": [
        "Return-Path: <a@example.org>\nFrom: a@example.org\nTo: b@example.org\nSubject: events\n\nsee below\n",
        "From a@example.org Mon Nov 30 10:00:00 2026\nReceived: from a\n\tby b\nDate: today\nSubject: x\n\nhi\n",
    ],
    "a dump of a database": [
        "-- MySQL dump 10.13  Distrib 8.0.36\n--\nCREATE TABLE `events` (\n",
        "--\n-- PostgreSQL database dump\n--\nSET statement_timeout = 0;\nCOPY events FROM stdin;\nu1\tclick\n\\.\n",
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n",
        "-- by hand\n\ncreate table events (\n  user_id text\n);\n",
    ],
    "a YAML document": ["---\n# events\n- user_id: u1\n  event_type: click\n", "%YAML 1.2\n---\na: b\n", "---\na: b\n"],
    "settings in TOML or ini": ["# mine\n[columns]\nuser_id = 'a'\n", "[[envelope]]\n\npath = 'batch'\n"],
    "a key or a certificate": ["-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"],
    "a script": ["#!/bin/sh\ncurl -O https://example.org/events.json\n"],
}
EACH = [
    pytest.param(kind, text, id=f"{kind} {number}")
    for kind, texts in DOCUMENTS.items()
    for number, text in enumerate(texts, 1)
]
ENCODED = {"utf-8": "utf-8", "with a mark": "utf-8-sig", "utf-16": "utf-16"}


@pytest.mark.parametrize(("kind", "text"), EACH)
def test_a_document_is_refused_as_what_it_is(kind: str, text: str, tmp_path: Path) -> None:
    for name, encoding in ENCODED.items():
        for codec in ("plain", "gzip"):
            file = written(tmp_path / f"{name}.json", PACK[codec](text.encode(encoding)))
            with pytest.raises(Unreadable, match=rf"^no records: it begins like {kind}"):
                read(file)


@pytest.mark.parametrize("declared", ["auto", "csv", "tsv", "json", "named csv", "named tsv"])
def test_a_page_of_an_error_is_told_whatever_the_file_is_declared_or_called(declared: str, tmp_path: Path) -> None:
    for text in (*DOCUMENTS["an HTML page"], *DOCUMENTS["an XML document"]):
        with pytest.raises(Unreadable, match=r"^no records: it begins like an (HTML page|XML document)"):
            read(written(tmp_path / "a", text.encode()), declared=declared)


@pytest.mark.parametrize(("kind", "text"), EACH)
def test_a_file_of_json_lines_is_read_by_line_whatever_stands_before_them(kind: str, text: str, tmp_path: Path) -> None:
    begins = text.encode() + b"\n" * (not text.endswith("\n"))
    for content in (begins + TEXT, begins * 50 + TEXT, begins + b'[{"user_id": "u"}]\n'):
        assert read(written(tmp_path / "a", content)) == naive(content), kind
    long = begins + b'{"a": "' + b"x" * 1_100_000 + b'"}\n'
    assert read(written(tmp_path / "b", long), 10_000_000) == naive(long, 10_000_000)


@pytest.mark.parametrize("body", [b"\x04u1\x0aclick" * 50, b"\x04u1\x0aclick\0\0\2" * 50])
def test_avro_without_a_registry_is_told_in_a_file_too(body: bytes, tmp_path: Path) -> None:
    content = b"\xc3\x01\x52\xfa\x91\x11\x6e\x3b\xd2\x08" + body
    with pytest.raises(Unreadable, match="it begins like Avro in its single-object encoding") as refused:
        read(written(tmp_path / "a.avro", content))
    assert remedy_of(refused.value.finding) == "export it as Parquet or JSON lines, and land that"
    assert read(written(tmp_path / "b", content[:20] + b"\n" + TEXT)) == naive(content[:20] + b"\n" + TEXT)


BY_LINE = [
    "<134>1 2026-11-30T10:00:00Z host app - - - {}\n" * 3,
    "<134>Nov 30 10:00:00 host app: message\n",
    "<info>  [1596000000.1] manager: started\n<warn>  [1596000001.2] device: gone\n",
    "<anna> hello\n<ben> hi\n",
    "<event user='u1'/>\n<event user='u2'/>\n",
    "<event user='u1'>a</event>\n<event user='u2'>b</event>\n",
    "<?xml version='1.0'?><event user='u1'/>\n<?xml version='1.0'?><event user='u2'/>\n",
    "< 10:00 u1 click\n> 10:01 u1 sent\n",
    "[error]\nout of memory\n",
    "[2026-11-30 10:00:00] a=b\n[2026-11-30 10:00:01] a=c\n",
    "--- restarted ---\nu1 click\n",
    "---\nu1 click\n",
    "time: 10:00 user: u1\ntime: 10:01 user: u2\n",
    "From: a\nu1 click\n",
    "HTTP/1.1 200 GET /a u1\nHTTP/1.1 200 GET /b u2\n",
    "INSERT INTO events VALUES ('u1', 'click');\nINSERT INTO events VALUES ('u2', 'click');\n",
    "#Fields: date time\n2026-11-30 10:00:00\n",
    "",
    "\n",
]


@pytest.mark.parametrize("text", BY_LINE)
def test_what_may_be_a_log_is_read_by_line(text: str, tmp_path: Path) -> None:
    assert read(written(tmp_path / "a", text.encode())) == naive(text.encode())


@pytest.mark.parametrize(("kind", "text"), EACH)
def test_of_what_is_declared_to_be_lines_only_whole_markup_is_refused(kind: str, text: str, tmp_path: Path) -> None:
    file = written(tmp_path / "a", text.encode())
    if kind not in ("an HTML page", "an XML document"):
        assert read(file, declared="lines") == naive(text.encode())
        return
    with pytest.raises(Unreadable, match=r"^no records: "):
        read(file, declared="lines")
    log = text.encode() + b'\n10.0.0.1 - - [30/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"\n'
    assert read(written(file, log), declared="lines") == naive(log)


def test_a_batch_of_before_there_were_formats_reads_its_lines(tmp_path: Path) -> None:
    assert read(written(tmp_path / "a", S3.encode()), declared="before") == naive(S3.encode())


def test_a_document_is_one_finding_with_its_remedy_and_the_other_count_makes_no_records_of_it(tmp_path: Path) -> None:
    records, part = found(written(tmp_path / "a.json", S3.encode()))
    assert (records, part.records, part.fault) == ([], 0, "no records: it begins like an XML document")
    assert "fetch the file again" in remedy_of(str(part.fault))
    assert "CLICKSTREAM_FORMAT=lines" in remedy_of("no records: it begins like a YAML document")
    assert recounted(tmp_path / "a.json", "") == 2  # as lines: what a look at it says is in test_recount


NEARLY = [
    "<!---->",
    "<!-- ",
    "<a ",
    "\n",
    "#\n",
    "[a]\n",
    "---\n",
    "a: \n",
    " b\n",
    "--\n",
    "from a\n",
    "http/1.1 200\n",
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("part", NEARLY)
def test_what_begins_as_a_document_again_and_again_costs_no_long_look(part: str, tmp_path: Path) -> None:
    """A pattern that tries every way to take these apart would not end."""
    content = (part * (4_000 // len(part)) + "!\n").encode()
    assert read(written(tmp_path / "a", content)) == naive(content)
