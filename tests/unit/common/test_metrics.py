"""Figures: what is counted, and that nothing listens unless it is told to."""

import socket
import urllib.request

import pytest
from aiokafka.structs import TopicPartition
from prometheus_client import REGISTRY

from infra.local.folders import free_port
from services.common import metrics
from services.common.contract.records import Record
from services.common.errors import ConfigurationError
from services.common.runtime.batches import process
from services.common.runtime.kafka.worker import _tell_removed
from services.common.settings import read
from tests.unit.common.runtime.test_batches import Sink, echo, records, work

LABELS = {"service": "parser", "topic": "mail.fetched"}


def value(name: str) -> float:
    return REGISTRY.get_sample_value(name, LABELS) or 0


async def test_records_batches_dead_letters_and_waiting_are_counted() -> None:
    names = ("mailweir_records_total", "mailweir_dead_letters_total", "mailweir_batch_seconds_count")
    before = [value(name) for name in names]
    waited = value("mailweir_unavailable_seconds_total")
    await process(work(echo, Sink(down=2)), [*records(1, 2), Record("mail.fetched", b"k", b"", ())])
    assert [value(name) - then for name, then in zip(names, before, strict=True)] == [3, 1, 1]
    assert value("mailweir_unavailable_seconds_total") > waited


def test_removed_records_are_counted_by_topic_and_told_each_partition(caplog: pytest.LogCaptureFixture) -> None:
    before = value("mailweir_removed_records_total")
    mine, other = LABELS["topic"], "mail.parsed"
    gone = ((TopicPartition(mine, 0), 2), (TopicPartition(mine, 3), 40), (TopicPartition(other, 0), 7))
    _tell_removed("parser", gone)
    assert value("mailweir_removed_records_total") == before + 42
    told = [(vars(line)["topic"], vars(line)["partition"], vars(line)["count"]) for line in caplog.records]
    assert told == [(mine, 0, 2), (mine, 3, 40), (other, 0, 7)]


def test_they_are_shown_only_where_a_port_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(metrics.MetricsSettings).port is None
    metrics.show(read(metrics.MetricsSettings))
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        monkeypatch.setenv("MAILWEIR_METRICS_PORT", str(port))
        with pytest.raises(ConfigurationError, match="MAILWEIR_METRICS_PORT: cannot listen"):
            metrics.show(read(metrics.MetricsSettings))
    metrics.show(read(metrics.MetricsSettings))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        assert b"# TYPE mailweir_records_total counter" in answer.read()
