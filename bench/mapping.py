"""What a mapping costs: the same events in our own shape and in a producer's, one after the other in one process.

``python bench/mapping.py`` measures reading alone, without a JVM; with ``--run EVENTS``, whole runs of ``events``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from clickstream_platform.events.parsing import read_records
from clickstream_platform.settings import Settings
from clickstream_platform.tables import tables
from clickstream_platform.tables.events import rules_from

ROWS, ROUNDS = 10_000, 15
START = datetime(2024, 3, 1, tzinfo=timezone.utc)
MORE = {"sdk": {"name": "analytics.js", "version": "2.11.1"}, "title": "A page", "currency": "USD", "value": 25.5}


def own(number: int) -> dict[str, Any]:
    """An event in our own shape."""
    at = START + timedelta(seconds=number)
    return {
        "user_id": f"u{number % 997:06}",
        "session_id": f"s{number % 4999}",
        "event_type": ("click", "page_view", "purchase")[number % 3],
        "page_url": f"https://shop.example/p/{number % 211}",
        "product_id": f"p{number % 211}",
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "device_type": "mobile",
        "ip_address": f"10.1.{number % 250}.7",
        "event_id": f"e{number:09}",
    }


def segment(number: int) -> dict[str, Any]:
    """The same event as Segment sends it, and no more."""
    event = own(number)
    name = {"click": "Product Clicked", "page_view": "page", "purchase": "Order Completed"}[event["event_type"]]
    return {
        **({"type": "page"} if name == "page" else {"type": "track", "event": name}),
        "userId": event["user_id"],
        "messageId": event["event_id"],
        "timestamp": event["timestamp"],
        "context": {
            "ip": event["ip_address"],
            "page": {"url": event["page_url"], "title": MORE["title"]},
            "device": {"type": event["device_type"]},
            "sessionId": event["session_id"],
            "library": MORE["sdk"],
        },
        "properties": {"product_id": event["product_id"], "currency": MORE["currency"], "value": MORE["value"]},
    }


SHAPES: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "own shape, its nine fields": ("", own),
    "own shape, with as many others": ("", lambda number: {**own(number), **MORE}),
    "segment": ("segment", segment),
}


def reading() -> dict[str, float]:
    """Microseconds a record, the best of some rounds, which take turns so that a busy machine is busy for all."""
    best = dict.fromkeys(SHAPES, float("inf"))
    at = pa.array([START] * ROWS, pa.timestamp("us", "UTC"))
    values = {name: pa.array([_line(make(n)) for n in range(ROWS)], pa.binary()) for name, (_, make) in SHAPES.items()}
    rules = {name: rules_from(Settings(mapping=mapping)) for name, (mapping, _) in SHAPES.items()}
    for _ in range(ROUNDS):
        for name in SHAPES:
            began = time.process_time()
            read_records(values[name], at, pa.nulls(ROWS, pa.binary()), rules[name])
            best[name] = min(best[name], (time.process_time() - began) / ROWS * 1e6)
    return best


def running(events: int) -> dict[str, float]:
    """Seconds on the clock of a run of ``events`` over files of so many events; the best of three, taking turns."""
    from clickstream_platform.jvm.session import build_session  # noqa: PLC0415 - only with --run
    from clickstream_platform.streaming.lake.places import Lake  # noqa: PLC0415
    from clickstream_platform.streaming.runtime.run import run  # noqa: PLC0415

    best = dict.fromkeys(SHAPES, float("inf"))
    with TemporaryDirectory() as folder:
        spark = build_session(Settings(home=Path(folder) / "spark"), "bench")
        for turn in range(4):  # the first warms up
            for name, (mapping, make) in SHAPES.items():
                home = Path(folder) / f"{mapping or 'own'}-{len(name)}-{turn}"
                (home / "landing").mkdir(parents=True)
                for file in range(4):
                    lines = (_line(make(n)) for n in range(file, events, 4))
                    (home / "landing" / f"{file}.json").write_bytes(b"\n".join(lines))
                settings = Settings(home=home, mapping=mapping)
                began = time.monotonic()
                report = run(tables(settings)["events"], spark, Lake(settings.lake_folder))
                took = time.monotonic() - began
                assert report.rows_out == events
                best[name] = min(best[name], took) if turn else best[name]
        spark.stop()
    return best


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


def main() -> None:
    """Print what each shape costs, and how many times the first two that is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=int, metavar="EVENTS", default=0, help="whole runs, over so many events")
    events: int = parser.parse_args().run
    best, unit = (running(events), "s") if events else (reading(), "us a record, of processor time")
    first, second, *_ = best.values()
    for name, cost in best.items():
        print(f"{name:<32}{cost:8.2f} {unit}   {cost / first:5.2f} and {cost / second:5.2f} times our own shape")


if __name__ == "__main__":
    main()
