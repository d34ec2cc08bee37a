"""The jobs that look after a lake: compare, replay, fill, forget, maintain. The command line has the same."""

# No `from __future__ import annotations`: Dagster looks at the types of a function's arguments, not at their text.

import dagster as dg
from pydantic import Field

from clickstream_platform.defs.assets import dagster_hooks
from clickstream_platform.defs.errors import translate_errors
from clickstream_platform.defs.keys import FILL, FORGET, MAINTAIN, REPLAY, VERIFY
from clickstream_platform.defs.launchpad import choice_field, one_op_job
from clickstream_platform.defs.metadata import markdown_table
from clickstream_platform.defs.resources import SparkResource
from clickstream_platform.events.schema import Reason
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.audit import verify
from clickstream_platform.streaming.audit.books import with_batch
from clickstream_platform.streaming.audit.result import NO_BATCH
from clickstream_platform.streaming.lake import layout
from clickstream_platform.streaming.lake.places import Lake
from clickstream_platform.streaming.maintenance import erasure, filling, housekeeping, reprocess, retention
from clickstream_platform.streaming.maintenance.proofs import ErasureProof
from clickstream_platform.tables import select_tables, tables


class Forget(dg.Config):
    """Whom to forget."""

    user: str = Field(
        default="", description="A user_id as it is in events. Dagster keeps it with the run, until that is deleted."
    )
    unsearchable: bool = Field(
        default=False, description="Delete the rejected records of which nobody can tell whom they mention, too."
    )


class Maintain(dg.Config):
    """Whether to do it, or only to say what it would remove."""

    dry_run: bool = Field(default=False, description="Only say what is too old and would leave.")


def maintenance_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """The five jobs of this module: verify, replay, fill, forget, maintain."""
    return [
        _verify_job(settings),
        _replay_job(settings),
        _fill_job(settings),
        _forget_job(settings),
        _maintain_job(settings),
    ]


def _verify_job(settings: Settings) -> dg.JobDefinition:
    lake = Lake(settings.lake_folder)
    some_tables = dg.Field([choice_field("Table", tables(settings))], description="The tables; all, if none is named.")

    @dg.op(
        name="verify_tables",
        description="Run the queries over all of events and compare both ways, row by row.",
        config_schema={"tables": some_tables},
    )
    def verify_tables(context: dg.OpExecutionContext, spark: SparkResource) -> None:
        with translate_errors(context.retry_number):
            layout.require_layout(lake)
            contracts = select_tables(settings, context.op_config["tables"])
            made, without = with_batch(contracts, lake)
            verifications = [verify.verify(table, spark.spark_session, lake) for table in made]
        verdicts = {"tables": _verdicts(verifications)}
        if wrong := _what_is_wrong(verifications, without):
            raise dg.Failure(wrong, metadata=verdicts, allow_retries=False)
        context.add_output_metadata(verdicts)

    description = "Compare tables with their queries over all events. Fails if any differs."
    return one_op_job(VERIFY, verify_tables, description, tables=[])


def _replay_job(settings: Settings) -> dg.JobDefinition:
    lake, events = Lake(settings.lake_folder), tables(settings)["events"]
    a_reason = dg.Field(
        dg.Noneable(choice_field("Reason", [each.value for each in Reason])),
        description="Only records with this fault; null for all.",
    )

    @dg.op(
        name="replay_records",
        description="Put rejected records through today's rules again.",
        config_schema={"reason": a_reason},
    )
    def replay_records(context: dg.OpExecutionContext, spark: SparkResource) -> None:
        reason = context.op_config["reason"]
        with translate_errors(context.retry_number):
            layout.require_layout(lake)
            reprocess.require_replay(events, lake, reason)  # before the JVM starts
            report = reprocess.replay(events, spark.spark_session, lake, reason, run_id=context.run.run_id)
        counts = {"tried": report.tried, "accepted": report.accepted, "duplicates": report.duplicates}
        stayed = {"still_rejected": report.stayed, "conflicting_duplicates": report.conflicting}
        context.add_output_metadata({**counts, **stayed, "passed_over": report.passed_over, "refused": report.refused})

    description = "What was rejected and is good by today's rules becomes events."
    return one_op_job(REPLAY, replay_records, description, reason=None)


def _fill_job(settings: Settings) -> dg.JobDefinition:
    lake, events = Lake(settings.lake_folder), tables(settings)["events"]

    @dg.op(
        name="fill_columns",
        description="Fill declared columns of the events that are there, out of extra. Starts no JVM.",
        config_schema={"columns": dg.Field([str], description="Declared columns; all, if none is named.")},
    )
    def fill_columns(context: dg.OpExecutionContext) -> None:
        with translate_errors(context.retry_number):
            layout.require_layout(lake)
            report = filling.fill(events, lake, context.op_config["columns"], run_id=context.run.run_id)
        counts = {"dates": len(report.dates), "stayed_in_extra": report.stayed}
        by_column = {"filled": dict(report.filled), "violations": dict(report.violations)}
        context.add_output_metadata(
            {**counts, **{name: dg.MetadataValue.json(each) for name, each in by_column.items()}}
        )

    description = "Events that were there get the columns that were declared since."
    return one_op_job(FILL, fill_columns, description, columns=[])


def _forget_job(settings: Settings) -> dg.JobDefinition:
    lake, contracts = Lake(settings.lake_folder), list(tables(settings).values())

    @dg.op(name="forget_person", description="Delete a person from every table, and leave a proof.")
    def forget_person(context: dg.OpExecutionContext, config: Forget, spark: SparkResource) -> None:
        with translate_errors(context.retry_number):
            layout.require_layout(lake)
            erasure.require_erasure(lake, [config.user])  # before the JVM starts
            session, hooks = spark.spark_session, dagster_hooks(context.log, settings)
            too, run_id = bool(config.unsearchable), context.run.run_id
            proof = erasure.forget([config.user], contracts, session, lake, hooks, unsearchable=too, run_id=run_id)
        outcome = {"completed": proof.completed_at is not None, "unsearched": sum(proof.unsearched.values())}
        context.add_output_metadata({"erased": _erased_rows(proof), "files_until": str(proof.files_until), **outcome})

    description = "Delete a person from every table. Landing files and topics are yours to clean."
    return one_op_job(FORGET, forget_person, description, user="", unsearchable=False)


def _maintain_job(settings: Settings) -> dg.JobDefinition:
    lake, contracts = Lake(settings.lake_folder), list(tables(settings).values())

    @dg.op(name="maintain_lake", description="Retention, ledger roll-up, compaction, vacuum, old checkpoints.")
    def maintain_lake(context: dg.OpExecutionContext, config: Maintain, spark: SparkResource) -> None:
        with translate_errors(context.retry_number):
            layout.require_layout(lake)
            old = retention.plan_expiry(contracts, lake, settings.retention, settings.quarantine_retention)
            context.log.info(f"too old: {' and '.join(old.describe()) or 'nothing'}")
            reports = [] if config.dry_run else maintained(old, context, spark)
        too_old = "; ".join(old.describe()) or "nothing is too old"
        context.add_output_metadata({"would_leave" if config.dry_run else "left": too_old, "tables": _done(reports)})

    def maintained(
        old: retention.ExpiryPlan, context: dg.OpExecutionContext, spark: SparkResource
    ) -> list[housekeeping.MaintenanceReport]:
        hooks, run_id = dagster_hooks(context.log, settings), context.run.run_id
        retention.expire_old(old, contracts, lambda: spark.spark_session, lake, hooks, run_id=run_id)
        periods = {"files_kept": settings.files_kept, "log_kept": settings.log_kept}
        return housekeeping.maintain(contracts, lake, run_id=run_id, **periods)

    description = "What a lake needs every night. Without retention it starts no JVM."
    return one_op_job(MAINTAIN, maintain_lake, description, dry_run=False)


def _what_is_wrong(verifications: list[verify.Verification], without: list[str]) -> str:
    named = {"they differ": [each.table for each in verifications if not each.clean], NO_BATCH: without}
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in named.items() if names)


def _verdicts(verifications: list[verify.Verification]) -> dg.MarkdownMetadataValue:
    head = ("table", "rows", "missing", "extra", "different", "ledger")
    rows = (
        (v.table, *map(str, (v.rows, v.missing, v.extra, v.different)), "; ".join(v.ledger) or "balances")
        for v in verifications
    )
    return dg.MetadataValue.md(markdown_table(head, rows))


def _erased_rows(proof: ErasureProof) -> dg.MarkdownMetadataValue:
    rows = ((each.table, str(each.rows), str(each.version)) for each in proof.tables)
    return dg.MetadataValue.md(markdown_table(("table", "rows deleted", "gone since version"), rows))


def _done(reports: list[housekeeping.MaintenanceReport]) -> dg.MarkdownMetadataValue:
    head = ("table", "ledger lines", "files joined", "deleted", "log cleaned", "old checkpoints")
    rows = ((d.table, *map(str, (d.rolled_up, d.joined, d.deleted, d.cleaned, d.generations))) for d in reports)
    return dg.MetadataValue.md(markdown_table(head, rows))
