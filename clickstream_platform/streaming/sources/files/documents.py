"""Files that are one document and no records: pages of errors, dumps, settings, mail.

Told by their beginning, and only if no line of all the text is a JSON object or array: a file of lines whose first one
is garbage stays one, and so does one to which a page of an error was written before its lines.
"""

from __future__ import annotations

import re

from clickstream_platform.events.json_record import any_json
from clickstream_platform.events.registry.beginnings import SINGLE_OBJECT
from clickstream_platform.streaming.sources.files.content import Content
from clickstream_platform.streaming.sources.files.contents import OF_SINGLE_OBJECTS
from clickstream_platform.streaming.sources.files.lines import split_lines
from clickstream_platform.streaming.sources.files.manifest import BEFORE

_HTML, _XML = "an HTML page", "an XML document"
_MARKUP = (_HTML, _XML)  # which say where they end
_LONGEST = 1 << 20  # bytes of a line that are looked at; a longer one that begins as an object counts as one

_EMPTY = rb"(?:[ \t\r]*(?:[#;][^\n]*)?\n)*"  # lines that are blank or a comment
_COMMENTS = rb"(?:[ \t\r]*(?:--[^\n]*)?\n)*"  # the same in SQL
_MAIL = rb"received|return-path|message-id|mime-version|dkim-signature|delivered-to"
# Nobody writes an event so; <134> and <info> begin a line of a log, and [error] a line of another.
_KINDS = {
    rb"(?:<!--(?:(?!-->).)*-->\s*)*(?:<\?xml[^>]*>\s*)?"
    rb"(?:<!doctype\s+html\b|<(?:html|head|body|title|h1|center)\b[^<>]*>)": _HTML,
    rb"<\?xml\s|<!doctype\s|<[a-z_][\w.:-]*(?:\s[^<>]*)?>[ \t\r]*\n\s*<": _XML,
    rb"http/\d(?:\.\d)? \d{3}\b[^\n]*\n(?:[\w-]+:[^\n]*\n)+": "an HTTP response with its headers",
    rb"(?:from [^\n]+\n)?(?=(?:[^\r\n]+\r?\n)*?(?:%b):)(?=(?:[^\r\n]+\r?\n)*?(?:from|to|subject|date):)"
    rb"(?:(?:[a-z][\w-]*:|[ \t])[^\n]*\n){3}" % _MAIL: "a mail",
    rb"(?:--[^\n]*\n)?-- [^\n]*\bdump\b|/\*!\d{5} |pragma foreign_keys\s*=": "a dump of a database in SQL",
    rb"%b(?:create\s+(?:table|database|schema)|drop\s+table\s+if\s+exists)\s"
    % _COMMENTS: "a dump of a database in SQL",
    rb"%%yaml |---[ \t\r]*\n%b(?:- |[\w.'\"-]+:(?:\s|\Z))" % _EMPTY: "a YAML document",
    rb"%b\[\[?[a-z_][\w. \"-]*\]\]?[ \t\r]*\n%b[ \t]*[\w.\"-]+[ \t]*=" % (_EMPTY, _EMPTY): "settings in TOML or ini",
    rb"-----begin [a-z0-9 ]+-----": "a key or a certificate (PEM)",
    rb"#! ?/": "a script",
    rb"%b.{8}" % SINGLE_OBJECT: OF_SINGLE_OBJECTS,
}
_BEGINNINGS = {re.compile(pattern, re.DOTALL | re.IGNORECASE): kind for pattern, kind in _KINDS.items()}
_FIRST_TAG = re.compile(rb"<\??[\w.:-]+")


def document_kind(content: Content) -> str | None:
    """Which document a text is that has no records; None of any other file.

    Of one that is declared to be lines, or whose mapping takes lines apart, only markup is told, and only if the text
    ends as markup does.

    Raises Unreadable if it cannot be unpacked.
    """
    head = content.text_head.lstrip()
    if content.declared == BEFORE or head[:1] == b"{":
        return None
    kind = next((kind for beginning, kind in _BEGINNINGS.items() if beginning.match(head)), None)
    if kind is None or (content.declared == "lines" and kind not in _MARKUP) or _is_repeated(head):
        return None
    last = b""
    for batch in split_lines(content.peek_text(), _LONGEST):
        for line, size in zip(batch["value"].to_pylist(), batch["size"].to_pylist(), strict=True):
            if line.lstrip()[:1] in (b"{", b"[") and (size > _LONGEST or _is_json(line)):
                return None
            last = line
    return kind if content.declared != "lines" or last.rstrip().endswith(b">") else None


def _is_json(line: bytes) -> bool:
    try:
        return bool(any_json(line.decode()))
    except ValueError:
        return False


def _is_repeated(head: bytes) -> bool:
    """Whether the second line begins with the tag that the first one does: then each is an element by itself."""
    tag = _FIRST_TAG.match(head)
    _, _, below = head.partition(b"\n")
    return tag is not None and re.match(re.escape(tag[0]) + rb"[\s>]", below.lstrip()) is not None
