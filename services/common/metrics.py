"""Figures of a service for Prometheus: counted always, shown on ``MAILWEIR_METRICS_PORT`` when it is set.

Labels are names of services and topics, never of accounts or people.
"""

from typing import ClassVar

from prometheus_client import Counter, Gauge, Histogram, start_http_server
from pydantic import Field

from services.common.errors import ConfigurationError
from services.common.settings import FromEnvironment

_READ = ("service", "topic")
RECORDS = Counter("mailweir_records", "Records taken, repeats and dead letters among them.", _READ)
DEAD_LETTERS = Counter("mailweir_dead_letters", "Records that could not be used.", _READ)
BATCH_SECONDS = Histogram(
    "mailweir_batch_seconds",
    "Seconds per batch until all that follows from it is durable, waiting included.",
    _READ,
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
UNAVAILABLE_SECONDS = Counter("mailweir_unavailable_seconds", "Seconds of waiting for a dependency.", _READ)
REMOVED = Counter("mailweir_removed_records", "Records that left their topic before they were read.", _READ)
LAG = Gauge("mailweir_lag_records", "Records of all partitions that the group has not committed.", _READ)
PUBLISHED = Counter("mailweir_published_records", "Records that Kafka confirmed.", _READ)
PUBLISHED_OCTETS = Counter("mailweir_published_octets", "Their keys and values, before compression.", _READ)


class MetricsSettings(FromEnvironment):
    """Where figures are shown; prefix ``MAILWEIR_METRICS_``."""

    prefix: ClassVar[str] = "MAILWEIR_METRICS_"

    port: int | None = Field(None, ge=1, le=65_535, description="Port of /metrics over HTTP; none: not shown.")
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; they need no sign-in.")


def show(settings: MetricsSettings) -> None:
    """Answer ``/metrics`` in a thread of its own from now on.

    Raises:
        ConfigurationError: nobody can listen there.

    """
    if settings.port is None:
        return
    try:
        start_http_server(settings.port, settings.host)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        where = f"{settings.host}:{settings.port}"
        raise ConfigurationError(f"MAILWEIR_METRICS_PORT: cannot listen on {where}: {reason}; choose another") from None
