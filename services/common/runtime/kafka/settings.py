"""Bounds of the Kafka runtime. Seconds and octets; prefix ``MAILWEIR_KAFKA_``, the brokers from ``MAILWEIR_KAFKA``."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from services.common.dead_letters import Limits
from services.common.settings import Brokers, FromEnvironment


class TopicSettings(FromEnvironment):
    """How topics are called: for the job that makes them, too."""

    prefix: ClassVar[str] = "MAILWEIR_KAFKA_"

    topic_prefix: str = Field(
        default="",
        max_length=100,
        pattern=r"^[A-Za-z0-9._-]*$",
        description="Put before topic and group names, for several Mailweirs on one cluster.",
    )


class KafkaSettings(TopicSettings):
    """How a service talks to Kafka and when it gives up."""

    bootstrap: Brokers = Field(validation_alias="MAILWEIR_KAFKA", description="name the brokers, host:port[,...]")
    session_timeout: float = Field(
        default=10,
        ge=1,
        le=300,
        description="A worker silent for so long loses its partitions; brokers allow 6 to 300.",
    )
    rebalance_timeout: float = Field(
        default=60,
        ge=1,
        le=900,
        description="Time for running batches to end before partitions move; longer work repeats.",
    )
    request_timeout: float = Field(
        default=30, ge=1, le=300, description="A delivery not confirmed for so long counts as Kafka not answering."
    )
    commit_interval: float = Field(default=1, ge=0.05, le=60, description="More only repeats more after a crash.")
    buffer: int = Field(
        default=2,
        ge=1,
        le=16,
        description="Batches under way per topic, with the one in work; more only take memory.",
    )
    fetch_bytes: int = Field(
        default=512 * 1024, ge=64 * 1024, description="Read ahead per partition; a larger record still comes whole."
    )
    compression: str = Field(
        default="zstd",
        pattern="^(none|gzip|lz4|zstd)$",
        description="Measured on mail: zstd takes half the CPU of lz4, which aiokafka runs at its level 9; "
        "none takes a fifth less of the brokers' and the services' CPU for a record, and two fifths more disk.",
    )
    batch_bytes: int = Field(
        default=256 * 1024, ge=16 * 1024, le=900_000, description="Must stay below the topics' 1 MB."
    )
    in_flight_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024 * 1024, description="Bound of the memory that unconfirmed records take."
    )
    stall_timeout: float = Field(
        default=300,
        ge=1,
        description="Lag without a commit for so long ends the process; longer than the longest batch.",
    )
    probe_interval: float = Field(default=5, ge=0.1, le=60, description="Time between two looks at broker and lag.")
    stop_grace: float = Field(
        default=25,
        ge=0.1,
        le=600,
        description="Time a running batch has when told to stop; below half the orchestrator's grace.",
    )
    retry_base: float = Field(
        default=0.5, ge=0.01, le=60, description="First wait for a dependency that does not answer."
    )
    retry_cap: float = Field(default=30, ge=0.01, le=3600, description="Longest such wait; longer delays the recovery.")
    dead_letter_run: int = Field(default=100, ge=1, description="Dead letters in a row that stop the service.")
    dead_letter_ratio: float = Field(
        default=0.2, gt=0, le=1, description="Share of dead letters that stops the service."
    )
    dead_letter_window: int = Field(default=1000, ge=10, description="Records over which the share is taken.")

    def faults(self) -> Iterator[str]:
        """A worker that is asked whether it lives must not wait longer than its session lasts."""
        if self.session_timeout > self.request_timeout:
            yield "MAILWEIR_KAFKA_SESSION_TIMEOUT must not exceed MAILWEIR_KAFKA_REQUEST_TIMEOUT"

    @property
    def codec(self) -> str | None:
        """The compression as aiokafka calls it."""
        return None if self.compression == "none" else self.compression

    @property
    def limits(self) -> Limits:
        """Dead-letter limits."""
        return Limits(self.dead_letter_run, self.dead_letter_ratio, self.dead_letter_window)
