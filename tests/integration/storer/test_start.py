"""The services on the database as processes, before their first batch: what they need is told and waited for."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.common.errors import ConfigurationError
from services.common.postgres import migrations
from tests.databases import done_as_owner
from tests.polling import until

NEXT = {"storer": "Kafka", "poller": "None"}  # what the heartbeat says once the tables are there: no account, no Kafka


@pytest.mark.parametrize("service", ["storer", "poller"])
def test_a_database_without_tables_is_waited_for_and_health_says_why(service: str, empty: str, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "MAILWEIR_HOME": str(tmp_path),
        "MAILWEIR_KAFKA": "127.0.0.1:1",
        "MAILWEIR_KAFKA_RETRY_CAP": "0.2",
        "MAILWEIR_DATABASE_URL": empty,
    }
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "-m", f"services.{service}"], env=environment, stderr=stream)
    try:
        until(lambda: "run `mailweir migrate`" in _reason(tmp_path, service), said=log.read_text)
        migrations.upgrade(empty)
        until(lambda: _reason(tmp_path, service).startswith(NEXT[service]), said=log.read_text)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "waiting: the database is at no revision" in log.read_text()


def _reason(home: Path, service: str) -> str:
    path = home / "health" / f"{service}.json"
    return str(json.loads(path.read_text())["reason"]) if path.exists() else ""


def test_a_newer_schema_is_refused(empty: str) -> None:
    migrations.upgrade(empty)
    migrations.check(empty)
    done_as_owner(empty, "UPDATE alembic_version SET version_num = '9999_later'")
    with pytest.raises(ConfigurationError, match=r"the database is at 9999_later, .*use the newer Mailweir"):
        migrations.check(empty)
