import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local import kafka, minio, stack
from infra.local.postgres import RARE_CHECKPOINTS
from infra.setup import ROOT
from services.common.postgres.embedded_postgres import DISCREET
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.topics import ALL_TOPICS

FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PIPELINE = ("poller", "parser", "storer", "attachments")
OURS = (*PIPELINE, "console")
JOBS = ("topics", "migrate", "bucket")
ONCE = (*JOBS, "accounts", "certificates")


@pytest.mark.parametrize("name", SERVICES)
def test_images_have_a_fixed_version(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.search(r"\d", tag)


def test_the_log_of_postgres_holds_no_mail_and_its_checkpoints_are_those_of_the_local_one() -> None:
    wanted = [word for each in (*DISCREET, *RARE_CHECKPOINTS) for word in ("-c", each)]
    assert SERVICES["postgres"]["command"] == ["postgres", *wanted]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", [*OURS, *ONCE])
def test_our_containers_have_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == "10001:10001"
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", OURS)
def test_services_wait_for_the_jobs_and_tell_their_health(name: str) -> None:
    service = SERVICES[name]
    jobs = (*JOBS, "accounts") if name == "poller" else JOBS if name in PIPELINE else ("migrate",)
    assert {job: wait["condition"] for job, wait in service["depends_on"].items()} == dict.fromkeys(
        jobs, "service_completed_successfully"
    )
    assert service["healthcheck"]["test"][-1] == f"/var/lib/mailweir/health/{name}.json"
    assert service["restart"] == "unless-stopped"


def test_whoever_stops_a_service_waits_for_its_batch_and_for_its_leaving_the_group(tmp_path: Path) -> None:
    needed = 2 * KafkaSettings.model_fields["stop_grace"].default
    for name in OURS:
        assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > needed
        assert stack._service(tmp_path, name, {}).stop_seconds > needed


def test_somebody_waits_for_every_job_as_compose_up_wait_fails_on_any_other() -> None:
    awaited = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    assert set(ONCE) <= awaited


def test_long_running_containers_have_a_health_check() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == set(ONCE)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(ONCE)))
def test_a_look_at_a_container_is_rare_but_within_a_minute_it_is_told(name: str) -> None:
    """Each is a process of its own: every 5 seconds they took a third of the CPU of a stack at rest."""
    check = SERVICES[name]["healthcheck"]
    interval, retries = float(check["interval"].removesuffix("s")), check["retries"]
    assert interval >= 15
    assert interval * retries <= 60
    assert check["start_interval"] == "1s"


def test_no_secret_is_in_the_environment() -> None:
    variables = [pair for service in SERVICES.values() for pair in service.get("environment", {}).items()]
    secret = [pair for pair in variables if re.search("PASSWORD|SECRET|KEY|DATABASE_URL|ROOT_USER", pair[0])]
    assert secret
    assert all(name.endswith("_FILE") or text == "" for name, text in secret)


def test_every_setting_of_the_example_is_used_and_every_one_used_is_there() -> None:
    named = set(re.findall(r"^(MAILWEIR_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named == set(re.findall(r"\$\{(MAILWEIR_\w+)", FILE.read_text()))


@pytest.mark.parametrize("name", [*OURS, *ONCE])
def test_every_setting_in_env_reaches_the_services(name: str) -> None:
    assert SERVICES[name]["env_file"] == [".env"]


def test_the_image_that_is_built_here_is_built_once() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["poller", "minio"]


def test_what_is_built_is_not_the_whole_checkout() -> None:
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_metrics_are_collected_where_the_services_show_them() -> None:
    jobs = yaml.safe_load((ROOT / "infra/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (found,) = next(job["dns_sd_configs"] for job in jobs if job["job_name"] == "mailweir")
    assert found["names"] == list(PIPELINE)
    assert {SERVICES[name]["environment"]["MAILWEIR_METRICS_PORT"] for name in PIPELINE} == {str(found["port"])}


def test_components_are_tuned_as_the_local_ones() -> None:
    broker, store = SERVICES["kafka"]["environment"], SERVICES["minio"]["environment"]
    assert broker["KAFKA_HEAP_OPTS"].split() == list(kafka.HEAP)
    assert set(kafka.JVM) < set(broker["KAFKA_JVM_PERFORMANCE_OPTS"].split())
    assert minio.TUNING.items() < store.items()


def test_brokers_remember_what_a_group_has_read_longer_than_any_topic_keeps_it() -> None:
    assert int(SERVICES["kafka"]["environment"]["KAFKA_OFFSETS_RETENTION_MINUTES"]) == kafka.REMEMBERED
    assert max(topic.retention_ms for topic in ALL_TOPICS) / 60_000 < kafka.REMEMBERED
