"""The page in a real browser, at every width from a telephone's to a wide screen's. Only where there is a Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.report.page import Report
from clickstream_platform.report.plots import OverTime, Ranked, Spread
from clickstream_platform.report.section import Grid, Section

WIDTHS = (*range(360, 1320, 80), 1280, 1600, 2000)
NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --virtual-time-budget=5000 --dump-dom"
)
# What sticks out: of the page to the right, of a table's box, of a picture, or one label of a picture into another.
MEASURE = """
const within = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1;
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom;
const box = e => e.getBoundingClientRect();
addEventListener('load', () => setTimeout(() => {
  const found = {};
  for (const frame of document.querySelectorAll('iframe')) {
    const page = frame.contentDocument, all = selector => [...page.querySelectorAll(selector)];
    const texts = svg => [...svg.querySelectorAll('text')];
    found[frame.width] = [
      ...(page.documentElement.scrollWidth > frame.width ? ['the page'] : []),
      ...all('.wide').filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel),
      ...all('svg').flatMap(svg => texts(svg).filter(t => !within(box(t), box(svg))).map(t => t.textContent)),
      ...all('svg').flatMap(svg => texts(svg).flatMap((a, n) => texts(svg).slice(n + 1)
        .filter(b => meet(box(a), box(b))).map(b => a.textContent + ' on ' + b.textContent))),
    ];
  }
  document.getElementById('found').textContent = JSON.stringify(found);
}, 500));
"""


def page() -> str:
    """Large numbers, long names, every kind of plot."""
    tables = ("clickstream_aggregated", "processed_events", "user_activity", "user_patterns", "events")
    costs = Grid(
        ("table", "batches", "read", "written", "revised"),
        [(table, 1_234, 123_456_789, 12_345_678, 345_678) for table in tables],
    )
    patterns = Grid(("pattern", "found", "visitors", "products"), [("view_click_purchase", 123_456, 12_345, 1_234)])
    starts = [NOON - timedelta(hours=12) + timedelta(hours=n) for n in range(7 * 24)]
    kinds = ("view_click_purchase", "purchase_burst", "other")
    over_time = OverTime(starts, timedelta(hours=1), {kind: range(len(starts)) for kind in kinds}, "patterns")
    lengths: dict[str, int] = dict.fromkeys(("0", "0-1", "1-2", "2-5", "5-10", "10-30", "> 30"), 12_345)
    seconds = Ranked(dict.fromkeys(tables, 1), "seconds of work", dict.fromkeys(tables, "123,456.7 s"))
    stages = ("all sessions", "saw a product", "and clicked")
    shares = Ranked(dict.fromkeys(stages, 1), "sessions", dict.fromkeys(stages, "12,345,678 (> 99.99 %)"))
    sections = [
        Section("Patterns per hour", f"{'a-product-without-end-' * 9}, 1 time.", over_time, patterns),
        Section("Length of sessions", "32 sessions began.", Spread(lengths, "sessions", "minutes")),
        Section("What each table cost", "1,234.5 s of work.", seconds, costs),
        Section("Sessions with a purchase", "All of them.", shares),
    ]
    report = Report(starts[0], starts[-1], NOON, {"events": 123_456_789, "records in quarantine": 1}, sections)
    return report.html()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium on this machine")
def test_nothing_is_cut_off_and_no_label_lies_on_another_at_any_width(tmp_path: Path) -> None:
    text = html.escape(page())
    frames = "".join(
        f'<iframe width={width} height=2500 srcdoc="{text}" style="border: 0"></iframe>' for width in WIDTHS
    )
    (tmp_path / "all.html").write_text(f"<body>{frames}<pre id=found></pre><script>{MEASURE}</script>")
    command = ["chromium", *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}", f"file://{tmp_path / 'all.html'}"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    written = re.search(r'<pre id="found">(.+?)</pre>', shown, re.DOTALL)
    assert written
    found: dict[str, Any] = json.loads(html.unescape(written[1]))
    assert found == {str(width): [] for width in WIDTHS}
