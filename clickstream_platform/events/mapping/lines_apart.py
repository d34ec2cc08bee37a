"""How lines that are no JSON may be taken apart, told by the lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clickstream_platform.events.json_record import object_of
from clickstream_platform.events.mapping.model import Form
from clickstream_platform.events.mapping.records import field_reader
from clickstream_platform.events.mapping.sampling import text_of, values_in
from clickstream_platform.events.schema import Reason

_SEPARATORS = ("\x01", "\t", ";", "|", ",")  # the likeliest first to be nothing else; Hive's has no other use
_NEARLY = 0.95  # of the lines
_FEWEST = 3  # fields: of whom, of what and when an event is
_FEWEST_WORDS = 5  # of a line of words with blanks between them, which may be a sentence
_BLANKS = r"[ \t]+"  # columns may be filled up with some
_MOST = 99  # groups of a pattern
COMMENT = "comment"  # the field of a line that is none: it is passed over
_FIELDS = re.compile(r"#\s*Fields:\s*(\S.*?)\s*")
_OBJECT = re.compile(r"([^{]*[^{\s\ufeff])([ \t]*)\ufeff?(\{.*\})\s*")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^\s"\[]\S*')
_PAIR = re.compile(r"([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)


class _Kind(NamedTuple):
    """A way of writing a word."""

    written: re.Pattern[str]
    pattern: str


_SYSLOG = _Kind(re.compile(r"<\d{1,3}>[^<>]+"), r"<(?P<{name}_priority>\d{1,3})>(?P<{name}>\S+)")
_KINDS = (
    _SYSLOG,
    _Kind(re.compile(r'".*"', re.DOTALL), r'"(?P<{name}>(?:[^"\\]|\\.)*)"'),
    _Kind(re.compile(r"\[.*\]", re.DOTALL), r"\[(?P<{name}>[^\]]*)\]"),
    _Kind(re.compile(r'[^"\[].*', re.DOTALL), r"(?P<{name}>\S+)"),
)
_VALUE = r'(?P<{name}>"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\S*)'  # behind a key there may be none
_ANY = r'(?P<{name}>"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\S+)'


def form_of(lines: Sequence[str]) -> Form | None:
    """How nearly all of some lines are taken apart; None if nothing does so.

    By the names that a line ``#Fields:`` says, as servers write logs by the W3C's form; else by the JSON object that
    nearly each line ends in; else by a separator, as many in nearly each line; else by blanks between words, some of
    which are quoted. A line that is otherwise will be rejected as what it is.
    """
    return _by_fields(lines) or _before_json(lines) or _by_separator(lines) or _by_words(lines)


def values_of(lines: Sequence[str], form: Form) -> dict[str, list[str]]:
    """What lines have in each field, without what is blank or nothing."""
    values, read = dict[str, list[str]](), field_reader(form)
    for fields in (read(line.encode()) for line in lines):
        for name, text in () if isinstance(fields, Reason) else fields.items():
            if isinstance(text, dict):
                for path, value in values_in("", {name: text}):
                    values.setdefault(path, []).append(str(text_of(value)))
            elif text.strip() and name != COMMENT:
                values.setdefault(name, []).append(text)
    return values


def _before_json(lines: Sequence[str]) -> Form | None:
    """A few words, and then a JSON object, as syslog and many a program writes it."""
    parts = [found for line in lines if (found := _OBJECT.fullmatch(line)) and object_of(found[3].encode())]
    counts = Counter((len(found[1].split()), bool(found[2])) for found in parts)
    (((count, is_apart), agree),) = counts.most_common(1) or [((0, False), 0)]
    if not 0 < count <= _MOST or agree < _NEARLY * len(lines):
        return None
    words = [rf"(?P<column_{number}>\S+)" for number in range(1, count + 1)]
    if count > 1 and all(_SYSLOG.written.fullmatch(found[1].split()[0]) for found in parts):
        words[0] = _SYSLOG.pattern.replace("{name}", "column_1")
    between = _BLANKS if is_apart else ""
    words[-1] = words[-1] if is_apart else rf"(?P<column_{count}>[^\s{{]+)"
    pattern = rf"{_BLANKS.join(words)}{between}\ufeff?(?P<json>\{{.*\}})\s*"
    return Form(format="pattern", pattern=pattern, texts=("json",), none="-")


def _by_fields(lines: Sequence[str]) -> Form | None:
    headers = [match[1] for line in lines if (match := _FIELDS.fullmatch(line))]
    rows = [line for line in lines if not line.startswith("#")]
    if not headers or not rows:
        return None
    names = list(_group_names(headers[-1].split()))
    is_tabbed = sum("\t" in row for row in rows) * 2 > len(rows)
    sign, text = (r"\t", r"[^\t]*") if is_tabbed else (" ", r'"[^"]*"|\S+')
    groups, before = list[str](), ""
    for name in names[:_MOST]:
        if (before, name) == ("date", "time"):  # of one time, told together
            groups[-1] = rf"(?P<date_time>\S+{sign}\S+)"
        else:
            groups.append(f"(?P<{name}>{text})")
        before = name
    pattern = rf"(?P<{COMMENT}>#.*)|{sign.join(groups)}(?:{sign}.*)?"  # newer servers say more
    return Form(format="pattern", pattern=pattern, none="-")


def _group_names(names: Sequence[str]) -> Iterator[str]:
    """Names as fields of a pattern may be called: each another one."""
    seen = {COMMENT}
    for number, name in enumerate(names, 1):
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
        plain = plain if plain and not plain[0].isdigit() and plain not in seen else f"column_{number}"
        seen.add(plain)
        yield plain


def _by_separator(lines: Sequence[str]) -> Form | None:
    for separator in _SEPARATORS:
        counts = Counter(line.count(separator) + 1 for line in lines)
        ((count, agree),) = counts.most_common(1) or [(0, 0)]
        if count >= _FEWEST and agree >= _NEARLY * len(lines):
            names = tuple(f"column_{number}" for number in range(1, count + 1))
            return Form(format="delimited", separator=separator, columns=names)
    return None


def _by_words(lines: Sequence[str]) -> Form | None:
    rows = [_WORD.findall(line) for line in lines]
    whole = [" ".join(row) == " ".join(line.split()) for row, line in zip(rows, lines, strict=True)]
    counts = Counter(len(row) for row, is_whole in zip(rows, whole, strict=True) if is_whole)
    ((count, agree),) = counts.most_common(1) or [(0, 0)]
    if not _FEWEST_WORDS <= count <= _MOST or agree < _NEARLY * len(lines):
        return None
    columns = list(zip(*(row for row in rows if len(row) == count), strict=True))
    keys = [_key_of(words) for words in columns]
    names = _group_names([key or f"column {number}" for number, key in enumerate(keys, 1)])
    words = [_word(name, key, texts) for name, key, texts in zip(names, keys, columns, strict=True)]
    return Form(format="pattern", pattern=_BLANKS.join(words) + r"\s*", none="-")


def _key_of(words: Sequence[str]) -> str:
    """The key that stands before each of them, with a sign ``=`` and some value; empty without one."""
    pairs = [_PAIR.fullmatch(word) for word in words]
    keys = {pair[1] if pair else "" for pair in pairs}
    return keys.pop() if len(keys) == 1 and any(pair and pair[2] for pair in pairs) else ""


def _word(name: str, key: str, words: Sequence[str]) -> str:
    texts = [word[len(key) + 1 :] if key else word for word in words]
    kind = next((each.pattern for each in _KINDS if all(map(each.written.fullmatch, texts))), _VALUE if key else _ANY)
    return (f"{re.escape(key)}=" if key else "") + kind.replace("{name}", name)
