"""Topics of a Kafka cluster as a source."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from clickstream_platform.errors import SettingsError
from clickstream_platform.settings import Settings, starting_at
from clickstream_platform.streaming.sources.kafka import options

_SERVERS = re.compile(r"[^,\s@]+:\d+(,[^,\s@]+:\d+)*", re.ASCII)
_NAMES = re.compile(r"[\w.-]+(,[\w.-]+)*", re.ASCII)


ALLOWED = "allowed: a folder, or kafka://host:port/topic (topics separated by commas, or a pattern)"


@dataclass(frozen=True)
class KafkaSource:
    """One or more topics of a Kafka cluster.

    Attributes:
        servers: the bootstrap servers, ``host:port``, separated by commas.
        topics: their names, separated by commas; or a regular expression that a whole name must match.
        starting_offsets: where the *first* run starts, ``earliest``, ``latest``, at a moment or at offsets by topic and
            partition. That run writes down what it comes to (see :mod:`.continuity`);
            every later one goes on from there.
        max_offsets_per_trigger: records in one micro-batch.
        min_partitions: tasks that read a micro-batch, at least; 0 for one a partition.
        fail_on_data_loss: stop when offsets that were not read yet are gone. If not, the ledger books them.
        options: how to connect, in the words of :mod:`.options`. Never shown.
    """

    servers: str
    topics: str
    starting_offsets: str | datetime | dict[str, dict[str, int]] = "earliest"
    max_offsets_per_trigger: int = 500_000
    min_partitions: int = 0
    fail_on_data_loss: bool = True
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """The sentence's second half."""
        return f"records of the Kafka {self.kind} {self.topics} that no batch has read yet"

    @property
    def names(self) -> tuple[str, ...]:
        """The topics by name; none if they are named by a pattern."""
        return tuple(self.topics.split(",")) if _NAMES.fullmatch(self.topics) else ()

    @property
    def kind(self) -> str:
        """What ``topics`` is: a topic, topics or a pattern."""
        return "pattern" if not self.names else "topic" if len(self.names) == 1 else "topics"

    def reads(self, topic: str) -> bool:
        """Whether it is one of them. Kafka's own topics are not, whatever the pattern."""
        if self.names:
            return topic in self.names
        return not topic.startswith("__") and re.fullmatch(self.topics, topic) is not None


def kafka_source(settings: Settings) -> KafkaSource:
    """The source that ``kafka://host:port/topic`` names.

    Raises:
        SettingsError: the address is not of this form, or the options cannot connect.
    """
    servers, _, topics = settings.source_url.removeprefix("kafka://").partition("/")  # a pattern may hold ? and #
    if not (_SERVERS.fullmatch(servers) and topics and "/" not in topics and _is_pattern(topics)):
        raise SettingsError("CLICKSTREAM_SOURCE", f"{settings.source_url!r} is not allowed", ALLOWED)
    options.check(settings.kafka_options)
    return KafkaSource(
        servers,
        topics,
        starting_at(settings.starting_offsets),
        settings.max_offsets_per_trigger,
        settings.min_partitions,
        settings.fail_on_data_loss,
        settings.kafka_options,
    )


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
