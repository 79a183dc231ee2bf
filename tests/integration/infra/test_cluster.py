import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient
from minio import Minio
from sqlalchemy import text

from infra.local import cluster, postgres, processes, program
from infra.local.cluster import Cluster
from infra.setup import ROOT
from services.common.database import engine_for
from services.common.errors import ConfigurationError, Unavailable
from tests.polling import until


def test_all_are_up_and_a_second_start_does_nothing(components: Cluster) -> None:
    before = {name: program.running(found) for name, found in components.programs.items()}
    cluster.start(components)
    assert before == {name: program.running(found) for name, found in components.programs.items()}
    assert [program.state(found) for found in components.programs.values()] == ["running"] * 4


async def test_kafka_is_one_broker_of_its_own_address(components: Cluster) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=components.kafka)
    await admin.start()
    found = await admin.describe_cluster()
    await admin.close()
    assert [f"{broker['host']}:{broker['port']}" for broker in found["brokers"]] == [components.kafka]


def test_the_check_of_the_kafka_container_wants_an_answer(components: Cluster) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    *shell, check = services["kafka"]["healthcheck"]["test"][1:]
    port = components.kafka.rpartition(":")[2]
    here = check.replace("$$", "$").replace("localhost/9092", f"127.0.0.1/{port}")
    assert here != check
    assert any(subprocess.run([*shell, here], check=False).returncode == 0 for _ in range(5))  # as compose asks again
    components.pause("kafka")
    try:
        assert subprocess.run([*shell, here], check=False).returncode != 0
    finally:
        components.resume("kafka")


def test_minio_keeps_objects_behind_generated_keys(components: Cluster) -> None:
    access, hidden = components.s3_keys
    client = Minio(components.s3_endpoint.removeprefix("http://"), access, hidden, secure=False)
    client.make_bucket("trial")
    assert [bucket.name for bucket in client.list_buckets()] == ["trial"]
    assert len(hidden) >= 32


def test_postgres_wants_its_password(components: Cluster) -> None:
    engine = engine_for(components.database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database(), current_user")).one() == ("mailweir", "mailweir")
    engine.dispose()
    stranger = engine_for(f"postgresql://mailweir:guess@127.0.0.1:{components.programs['postgres'].ports['postgres']}")
    with pytest.raises(Exception, match="password authentication failed"):
        stranger.connect()


def test_secrets_are_files_that_only_the_owner_reads(components: Cluster) -> None:
    files = [Path(value) for name, value in components.environment().items() if name.endswith("_FILE")]
    assert len(files) == 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    arguments = [Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in _processes(components)]
    assert not [secret for secret in _secrets(files) if any(secret in line for line in arguments)]


def test_a_crash_is_noticed_and_the_data_survive_it(components: Cluster) -> None:
    broken = components.programs["postgres"]
    engine = engine_for(components.database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT 7 AS number"))
    engine.dispose()
    components.kill("postgres")
    assert program.state(broken) == "dead"
    with pytest.raises(Unavailable, match="postgres does not run"):
        components.pause("postgres")
    components.start("postgres")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT number FROM kept")).scalar() == 7
    engine.dispose()


def test_a_paused_component_is_alive_and_says_nothing(components: Cluster) -> None:
    components.pause("minio")
    assert program.state(components.programs["minio"]) == "unready"
    components.resume("minio")
    program.start(components.programs["minio"])
    assert program.state(components.programs["minio"]) == "running"


def test_kafka_comes_back_from_a_crash(components: Cluster) -> None:
    components.kill("kafka")
    assert program.state(components.programs["kafka"]) == "dead"
    components.start("kafka")
    assert program.state(components.programs["kafka"]) == "running"


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ConfigurationError, match=f"minio: port {port} \\(api\\) cannot be used") as caught,
            cluster.running({"minio"}, tmp_path, {"minio": {"api": port}}),
        ):
            pass
    assert "\n" not in str(caught.value)


def test_a_component_that_ends_at_once_is_named_with_its_log(tmp_path: Path) -> None:
    components = cluster.describe({"minio"}, tmp_path)
    (tmp_path / "minio" / "minio.env").write_text('MINIO_ROOT_USER="m"\nMINIO_ROOT_PASSWORD="short"\n')
    with pytest.raises(Unavailable, match=r"minio (ended|is not ready).*minio\.log"):
        cluster.start(components)


def test_a_missing_tool_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILWEIR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"mvn is missing.*apt-get install -y maven"):
        cluster.install({"kafka"})
    with pytest.raises(ConfigurationError, match="go is missing"):
        cluster.install({"minio"})


def test_stop_ends_every_process(tmp_path: Path) -> None:
    with cluster.running({"postgres"}, tmp_path) as components:
        family = _processes(components)
        assert len(family) > 1
    assert [process for process in family if processes.identity(process.pid) == process] == []
    assert program.state(components.programs["postgres"]) == "stopped"


def test_ports_and_data_stay_for_the_next_time(tmp_path: Path) -> None:
    first = cluster.describe({"postgres"}, tmp_path).programs["postgres"]
    assert first.ports == cluster.describe({"postgres"}, tmp_path).programs["postgres"].ports
    assert postgres.url_file(first).name == "database_url"


@pytest.mark.parametrize("left", ["", f"{os.getpid()}\n/nowhere\n"], ids=["nothing", "a number that is used again"])
def test_postgres_starts_whatever_a_killed_one_left(tmp_path: Path, left: str) -> None:
    with cluster.running({"postgres"}, tmp_path) as components:
        components.kill("postgres")
        (tmp_path / "postgres" / "data" / "postmaster.pid").write_text(left)
        components.start("postgres")


def test_a_first_start_of_postgres_that_was_killed_is_made_good_by_the_next(tmp_path: Path) -> None:
    code = f"from infra.local.cluster import *; start(describe(['postgres'], Path({str(tmp_path)!r})))"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stderr=subprocess.DEVNULL) as first:
        until((tmp_path / "postgres" / "data.new" / "PG_VERSION").exists, every=0.001)
        os.killpg(first.pid, signal.SIGKILL)
    with cluster.running({"postgres"}, tmp_path) as components:
        assert program.state(components.programs["postgres"]) == "running"


def test_an_unknown_component_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no component is called redis"):
        cluster.describe({"redis"}, tmp_path)


def _processes(components: Cluster) -> list[processes.Identity]:
    roots = [found for one in components.programs.values() if (found := program.running(one))]
    return [member for root in roots for member in processes.tree(root)]


def _secrets(files: list[Path]) -> list[bytes]:
    passwords = [path.parent / "password" for path in files if path.name == "database_url"]
    return [path.read_bytes() for path in (*files, *passwords) if path.exists() and path.name != "access_key"]
