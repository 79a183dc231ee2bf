"""What the environment says: every name known, none ignored silently, every fault told, no value shown."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from services.cli.accounts_file import VARIABLE
from services.common.environment import COMPOSE_ONLY, KNOWN, PREFIX, SETTINGS, secret_in, unknown
from services.common.errors import ConfigurationError
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.settings import FromEnvironment, Settings, check, load, read

ROOT = Path(__file__).parents[3]
MODULES = (
    *(f"services.{name}.settings" for name in ("attachments", "common", "console", "parser", "poller", "storer")),
    *("services.common.metrics", "services.common.runtime.kafka.settings"),
)


pytestmark = pytest.mark.usefixtures("bare_environment")


def kinds(of: type[FromEnvironment] = FromEnvironment) -> set[type[FromEnvironment]]:
    for name in MODULES:
        import_module(name)
    return {of}.union(*(kinds(kind) for kind in of.__subclasses__()))


def test_the_known_names_are_the_fields_of_all_settings_and_what_is_read_elsewhere() -> None:
    fields = {kind.variable(name) for kind in kinds() for name in kind.model_fields}
    elsewhere = {VARIABLE, "MAILWEIR_CACHE", "MAILWEIR_INTERPRETED"}
    files = {name for name in SETTINGS if name.endswith("_FILE") and name != VARIABLE}
    assert fields | elsewhere == SETTINGS - files
    assert {name.removesuffix("_FILE") for name in files} <= fields


def test_every_field_says_why_it_is_there() -> None:
    fields = {kind.variable(name): field for kind in kinds() for name, field in kind.model_fields.items()}
    assert [name for name, field in fields.items() if not field.description] == []


def test_whatever_the_compose_file_and_the_pages_name_is_known() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{(MAILWEIR_\w+)", compose))
    given = {name for each in yaml.safe_load(compose)["services"].values() for name in each.get("environment", {})}
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    told = {name for page in pages for name in re.findall(r"\bMAILWEIR_[A-Z0-9_]*[A-Z0-9]\b", page.read_text())}
    examples_of_slips = {"MAILWEIR_KAFAK", "MAILWEIR_KAFKA_PORT"}
    assert (used | {name for name in given if name.startswith(PREFIX)} | told) - KNOWN == examples_of_slips
    assert used - SETTINGS == COMPOSE_ONLY


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("MAILWEIR_KAFAK", "MAILWEIR_KAFKA"),
        ("MAILWEIR_KAFKA_BOOTSTRAP", "MAILWEIR_KAFKA"),
        ("MAILWEIR_KAFAK_BOOTSTRAP", "MAILWEIR_KAFKA"),
        ("MAILWEIR_DATABSE_URL_FILE", "MAILWEIR_DATABASE_URL_FILE"),
        ("MAILWEIR_CONSOLE_TLS_CERT", "MAILWEIR_CONSOLE_TLS_CERTIFICATE"),
        ("mailweir_log", "MAILWEIR_LOG"),
        ("\ufeffMAILWEIR_LOG", "MAILWEIR_LOG"),
    ],
)
def test_a_name_that_nobody_reads_is_told_with_the_one_that_is_meant(name: str, near: str) -> None:
    (line,) = unknown({name: "canary", "PATH": "/bin", near: "known"})
    assert line.endswith(f"is not a setting and is ignored; is {near} meant?")
    assert line.isascii()
    assert "canary" not in line


def test_a_name_like_no_other_is_told_without_a_guess() -> None:
    assert [*unknown({"MAILWEIR_QQQQQ": "canary"})] == ["MAILWEIR_QQQQQ is not a setting and is ignored"]


def test_all_faults_of_all_kinds_come_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment = {
        "MAILWEIR_LOG": "loud-canary",
        "MAILWEIR_DATABASE_URL_FILE": str(tmp_path / "missing"),
        "MAILWEIR_MASTER_KEY_FILE": str(tmp_path),
        "MAILWEIR_S3_ENDPOINT": "http://127.0.0.1:9000",
        "MAILWEIR_S3_ACCESS_KEY": "canary",
        "MAILWEIR_S3_BUCKET": "x",
        "MAILWEIR_METRICS_PORT": "canary",
        "MAILWEIR_KAFKA": "localhost:9092",
        "MAILWEIR_KAFKA_SESSION_TIMEOUT": "200",
        "MAILWEIR_CONSOLE_TLS_KEY": "key.pem",
        "MAILWEIR_PARSER_BATCH": "many",
        "MAILWEIR_STORER_WITHIN": "",
    }
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(ConfigurationError) as caught:
        check(*sorted(kinds() - {FromEnvironment}, key=lambda kind: kind.__name__))
    faults = str(caught.value).split("; ")
    for told in (
        "MAILWEIR_LOG: ",
        "MAILWEIR_DATABASE_URL_FILE: .*No such file",
        "MAILWEIR_MASTER_KEY_FILE: .*it is a folder",
        r"MAILWEIR_S3_SECRET_KEY \(or MAILWEIR_S3_SECRET_KEY_FILE\) is not set",
        "MAILWEIR_S3_BUCKET: ",
        "MAILWEIR_METRICS_PORT: ",
        "MAILWEIR_KAFKA_SESSION_TIMEOUT must not exceed MAILWEIR_KAFKA_REQUEST_TIMEOUT",
        "MAILWEIR_CONSOLE_TLS_CERTIFICATE and MAILWEIR_CONSOLE_TLS_KEY go together",
        "MAILWEIR_PARSER_BATCH: ",
    ):
        assert len([fault for fault in faults if re.match(told, fault)]) == 1, told
    assert len(faults) == 9
    assert "canary" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_line_ends_of_windows_and_blanks_around_a_text_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILWEIR_LOG", "debug\r")
    monkeypatch.setenv("MAILWEIR_DATABASE_URL", " postgresql://u:p@h/d\r")
    monkeypatch.setenv("MAILWEIR_KAFKA", "\r")
    settings = load()
    assert (settings.log, settings.kafka) == ("debug", None)
    assert settings.database_url is not None
    assert settings.database_url.reveal() == "postgresql://u:p@h/d"


@pytest.mark.parametrize(
    ("text", "told"), [('"kafka:9092"', "quotes"), ("'kafka:9092'", "quotes"), ("a:1\nb:2", "second line")]
)
def test_what_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    monkeypatch.setenv("MAILWEIR_KAFKA", text)
    with pytest.raises(ConfigurationError, match=f"MAILWEIR_KAFKA: .*{told}") as caught:
        load()
    assert "9092" not in str(caught.value)


@pytest.mark.parametrize("octets", [b"canary", b"canary\n", b"canary\r\n", b"\xef\xbb\xbfcanary\r\n\r\n"])
def test_the_line_of_a_secrets_file(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "secret").write_bytes(octets)
    assert secret_in(tmp_path / "secret") == "canary"


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"", "empty"),
        (b"\r\n", "empty"),
        (b"\xff\xfec\x00a\x00", "UTF-8"),
        (b"canary\x00\n", "control character"),
        (b"canary\nsecond\n", "second line"),
        (b'"canary"\n', "quotes"),
    ],
)
def test_a_secrets_file_that_is_none(tmp_path: Path, octets: bytes, told: str) -> None:
    (tmp_path / "secret").write_bytes(octets)
    with pytest.raises(ValueError, match=told) as caught:
        secret_in(tmp_path / "secret")
    assert "canary" not in str(caught.value)


def test_a_master_key_file_may_hold_several_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"first\r\nsecond\r\n")
    monkeypatch.setenv("MAILWEIR_MASTER_KEY_FILE", str(tmp_path / "keys"))
    key = load().master_key
    assert key is not None
    assert key.reveal().split() == ["first", "second"]


@pytest.mark.parametrize(
    "text", ["kafka", "kafka:9092", "a:1, b.example.org:2", "[::1]:9092", "10.0.0.1:9092", "under_score:1"]
)
def test_brokers_are_names_with_ports(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MAILWEIR_KAFKA", text)
    assert load().kafka == read(KafkaSettings).bootstrap == text.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["http://kafka:9092", "kafka:port", "kafka:0", "kafka:70000", ",", "a:1,", "::1:9092", "a b:1", "kafka:"]
)
def test_what_names_no_brokers_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MAILWEIR_KAFKA", text)
    with pytest.raises(ConfigurationError, match=r"MAILWEIR_KAFKA: write it as HOST:PORT"):
        check(Settings, KafkaSettings)


@pytest.mark.parametrize("text", ["http://minio:9000", "https://s3.example.org", "http://[::1]:9000/"])
def test_the_address_of_an_object_store(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    environment = {"ENDPOINT": text, "ACCESS_KEY": "a", "SECRET_KEY": "b"}
    for name, value in environment.items():
        monkeypatch.setenv(f"MAILWEIR_S3_{name}", value)
    assert load().s3_endpoint == text.rstrip("/")


@pytest.mark.parametrize(
    "text", ["minio:9000", "ftp://minio", "http://", "http://minio:9000/mail", "http://a:b@minio", "http://minio:port"]
)
def test_what_is_no_address_of_an_object_store(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MAILWEIR_S3_ENDPOINT", text)
    with pytest.raises(ConfigurationError, match=r"MAILWEIR_S3_ENDPOINT: write it as http://HOST:PORT"):
        load()


@pytest.mark.parametrize("name", ["mailweir", "a.b-c", "mail2026", "x" * 63])
def test_a_bucket_that_stores_take(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MAILWEIR_S3_BUCKET", name)
    assert load().s3_bucket == name


@pytest.mark.parametrize("name", ["My_Bucket", "../../x", "ab", "x" * 64, "-ab", "a b", "a/b"])
def test_a_bucket_that_none_takes_is_told_and_is_no_way_out_of_the_home(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MAILWEIR_S3_BUCKET", name)
    with pytest.raises(ConfigurationError, match="MAILWEIR_S3_BUCKET: write 3 to 63"):
        load()


@pytest.mark.parametrize("prefix", ["a b", "x/", "邮"])
def test_a_prefix_that_kafka_takes_in_no_name_is_told(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("MAILWEIR_KAFKA", "kafka:9092")
    monkeypatch.setenv("MAILWEIR_KAFKA_TOPIC_PREFIX", prefix)
    with pytest.raises(ConfigurationError, match="MAILWEIR_KAFKA_TOPIC_PREFIX: "):
        read(KafkaSettings)


def test_a_level_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILWEIR_LOG", "WARNING")
    assert load().log == "warning"
