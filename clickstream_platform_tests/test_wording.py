"""How figures are said: no share is rounded to all or nothing, and one thing is one thing."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.resources import files

import pytest

from clickstream_platform.wording import amount_of, length, number_of, share, without_passwords


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 7, "0 %"),
        (7, 7, "100 %"),
        (2, 3, "66.7 %"),
        (9_999, 10_000, "99.99 %"),
        (999_999, 1_000_000, "> 99.99 %"),
        (1, 10_000, "0.01 %"),
        (1, 1_000_000, "< 0.01 %"),
        (9_995, 10_000, "99.95 %"),
        (9_994, 10_000, "99.9 %"),
    ],
)
def test_only_all_is_all_and_only_nothing_is_nothing(part: int, whole: int, said: str) -> None:
    assert share(part, whole) == said


def test_no_share_between_none_and_all_says_either() -> None:
    for whole in (3, 1_001, 40_000, 123_457):
        for part in {1, 2, whole // 2, whole - 2, whole - 1}:
            assert share(part, whole) not in ("0 %", "100 %", "0.0 %", "100.0 %", "0.00 %", "100.00 %")


def test_one_is_singular() -> None:
    said = [number_of(count, "event") for count in (0, 1, 1_234)]
    assert said == ["0 events", "1 event", "1,234 events"]
    assert number_of(2, "query", "queries") == "2 queries"


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59.6), "60 s"),
        (timedelta(minutes=90), "90 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=1_200), "1,200 days"),
    ],
)
def test_a_span_has_one_unit(span: timedelta, said: str) -> None:
    assert length(span) == said


@pytest.mark.parametrize(
    "text",
    [
        "kafka://me:s3cret@host:9092/a",
        'required username="me" password="s3cret \\" s3cret";',
        '{"sasl.password": "s3cret", "x": 1}',
        "sasl.password=s3cret",
        "ssl.key.password: s3cret",
        "the password : s3cret",
        "/etc/app/password:s3cret",
        "https://h/a?sig=1&token=s3cret",
        "abfss://me:s3cret@account.dfs.core.windows.net/a",
        "abfss://c@account.dfs.core.windows.net/a and https://s3cret@h",
        "-----BEGIN RSA PRIVATE KEY-----\ns3cret",
    ],
)
def test_a_password_is_left_out_of_what_is_said(text: str) -> None:
    assert "s3cret" not in without_passwords(text)


@pytest.mark.parametrize(
    "text",
    [
        *("kafka://a:1,b:2/clicks", "team:data", "a@example.org", "2026-01-05T10:00:00Z", "token"),
        *("abfss://container-1@account.dfs.core.windows.net/a", "abfs://c@account.dfs.core.windows.net/a: no answer"),
        *("/run/secrets: there is no such folder", "/etc/passwd: no such file", "~/my-token.json: it is"),
    ],
)
def test_what_is_no_password_is_said_as_it_is(text: str) -> None:
    assert without_passwords(text) == text


def test_one_of_a_unit_is_singular_and_of_two_units_either() -> None:
    assert [amount_of(n, "files") for n in (0, 1, 2_000)] == ["0 files", "1 file", "2,000 files"]
    assert [amount_of(n, "files and records") for n in (1, 2)] == ["1 file or record", "2 files and records"]


_SHOWN = ("cli", "defs", "report", "streaming/audit", "streaming/maintenance")
_PLURAL = re.compile(
    r"\{[^{}]*:,\} (?:rejected )?"
    r"(?:rows|events|records|files|batches|checks|tables|envelopes|duplicates|values|alerts|bytes)\b"
)


@pytest.mark.parametrize("package", _SHOWN)
def test_no_count_that_a_person_sees_is_written_beside_a_plural(package: str) -> None:
    root = files("clickstream_platform") / package
    modules = [each for each in root.iterdir() if each.name.endswith(".py")]
    wrong = [f"{each.name}: {found}" for each in modules for found in _PLURAL.findall(each.read_text())]
    assert modules
    assert wrong == [], "number_of() says `1 row`"


def test_the_pattern_finds_a_count_beside_a_plural() -> None:
    assert _PLURAL.search('f"{found.rows:,} rows"')
    assert _PLURAL.search('f"{len(old):,} rejected records"')
    assert not _PLURAL.search("f\"{number_of(found.rows, 'row')}\"")
