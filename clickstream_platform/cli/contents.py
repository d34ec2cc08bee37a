"""Every command: where it is, under which heading `clickstream --help` lists it, and its first sentence.

What is here is printed without importing any of them: a command pays for what it needs itself, and for nothing else.
"""

from __future__ import annotations

from typing import NamedTuple


class Listed(NamedTuple):
    """A command that is not imported yet."""

    module: str
    panel: str
    help: str


COMMANDS = {
    "demo": Listed(
        "simulator",
        "Try",
        "Simulate visitors with every known fault in two arrivals, run all tables on each, "
        "compare with the known truth.",
    ),
    "simulate": Listed(
        "simulator",
        "Try",
        "Write visitors of a web shop into the landing folder, with their faults, and say what must come of them.",
    ),
    "kafka": Listed("kafka", "Try", "A Kafka broker of your own, for development: up, status and down."),
    "run": Listed(
        "runs", "Run", "Process what is there in every table, then stop. With nothing new, no table changes."
    ),
    "rebuild": Listed(
        "runs", "Run", "Compute a table anew from all of `events`, in one commit; until then the old rows serve."
    ),
    "stream": Listed(
        "streams",
        "Run",
        "Keep tables up to date in one process, until Ctrl-C or SIGTERM. A query that fails is started again.",
    ),
    "tap": Listed(
        "streams",
        "Run",
        "Show events as they come, parsed, until Ctrl-C. Writes no table and leaves no checkpoint.",
    ),
    "status": Listed(
        "inspect",
        "Look",
        "Where every table stands: rows, watermark, and what is left to read; or the last runs of one. Starts no JVM.",
    ),
    "explain": Listed(
        "inspect",
        "Look",
        "The six sentences of a table, its columns, and where its checkpoint is. Starts no JVM.",
    ),
    "ledger": Listed(
        "inspect",
        "Look",
        "What every batch read and wrote, newest first, and whether the ledger balances. Starts no JVM.",
    ),
    "quarantine": Listed(
        "query", "Look", "Why records were rejected, how many, and the newest of each. Starts no JVM."
    ),
    "duplicates": Listed(
        "duplicates",
        "Look",
        "What was sent twice; each that says something else than its event, beside it. Starts no JVM.",
    ),
    "late": Listed(
        "late",
        "Look",
        "Events behind the watermark of their batch, and what the batches that read them changed. Starts no JVM.",
    ),
    "sql": Listed(
        "query",
        "Look",
        "Ask the tables of the lake. Starts no JVM; reads only. `<table>_final` has the rows that are final.",
    ),
    "report": Listed(
        "inspect",
        "Look",
        "Write one HTML page with plots: visitors, sessions, purchases, alerts, data quality, cost. Starts no JVM.",
    ),
    "verify": Listed(
        "checks",
        "Check",
        "Run every table's query over all events, and compare both ways, row by row. Exit code 1 if anything differs.",
    ),
    "validate": Listed(
        "checks",
        "Check",
        "Check what every table promises of its rows. Exit code 1 if a check of error severity fails.",
    ),
    "check": Listed(
        "checking",
        "Check",
        "What would become of each record of a file or a topic, and why; whose they look like. "
        "Needs no JVM and no lake.",
    ),
    "contract": Listed("contract", "Check", "The typed columns that events has besides: show, export and compare."),
    "doctor": Listed(
        "machine",
        "Check",
        "Look for what a run needs of this machine. Exit code 1 if something is missing; changes nothing.",
    ),
    "workers": Listed(
        "workers",
        "Check",
        "Ask each worker of the Spark cluster what it has. Exit code 1 if one lacks what a run needs.",
    ),
    "replay": Listed(
        "maintenance",
        "Look after",
        "Put rejected records through today's rules again. What is good now becomes events, as late ones do.",
    ),
    "fill": Listed(
        "filling",
        "Look after",
        "Fill declared columns of the events that are there, out of `extra`. Starts no JVM.",
    ),
    "forget": Listed(
        "maintenance", "Look after", "Delete persons from every table, and leave a proof that does not name them."
    ),
    "register": Listed(
        "register",
        "Look after",
        "Give the tables names in a Hive metastore, for Spark, Trino and others that look there.",
    ),
    "backup": Listed(
        "backups",
        "Look after",
        "Copy the lake as it stands at one moment: tables, checkpoints, ledger, outbox. Starts no JVM.",
    ),
    "restore": Listed(
        "backups", "Look after", "Put a backup where there is no lake; the next run goes on from there. Starts no JVM."
    ),
    "moved": Listed(
        "backups",
        "Look after",
        "Go on from a landing folder that was copied or moved, once its files show that it is the same. Starts no JVM.",
    ),
    "reset": Listed(
        "backups",
        "Look after",
        "Begin `events` anew, and with it all tables; what is there is set aside. Without --yes it only says so.",
    ),
    "maintain": Listed(
        "maintenance",
        "Look after",
        "Roll up the ledger, join small files, delete what no reader needs any more: what a lake needs every night.",
    ),
    "skip": Listed(
        "maintenance",
        "Look after",
        "Go on without a landing file at which runs stop: the next run books it as refused, and does not open it.",
    ),
}
