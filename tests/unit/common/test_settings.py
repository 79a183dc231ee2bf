"""The environment: defaults, secrets by file, all faults in one message, nothing secret shown."""

from pathlib import Path

import pytest

from services.common.errors import ConfigurationError
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.settings import Database, load, read
from services.poller.settings import PollerSettings

pytestmark = pytest.mark.usefixtures("bare_environment")


def test_without_any_variable_everything_is_embedded() -> None:
    settings = load()
    assert (settings.kafka, settings.s3_endpoint, settings.database_url) == (None, None, None)
    assert settings.home_path == Path("~/.mailweir").expanduser()
    with pytest.raises(ConfigurationError, match="MAILWEIR_KAFKA is not set: name the brokers"):
        read(KafkaSettings)
    with pytest.raises(ConfigurationError, match=r"MAILWEIR_DATABASE_URL \(or MAILWEIR_DATABASE_URL_FILE\) is not set"):
        read(Database)


def test_a_secret_comes_from_a_variable_or_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("canary-from-file\n")
    monkeypatch.setenv("MAILWEIR_S3_ACCESS_KEY", "canary-from-variable")
    monkeypatch.setenv("MAILWEIR_S3_SECRET_KEY_FILE", str(tmp_path / "key"))
    settings = load()
    assert settings.s3_access_key is not None
    assert settings.s3_secret_key is not None
    assert settings.s3_access_key.reveal() == "canary-from-variable"
    assert settings.s3_secret_key.reveal() == "canary-from-file"
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_a_variable_and_its_file_exclude_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAILWEIR_MASTER_KEY", "canary")
    monkeypatch.setenv("MAILWEIR_MASTER_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(ConfigurationError, match="MAILWEIR_MASTER_KEY and MAILWEIR_MASTER_KEY_FILE are both set"):
        load()
    monkeypatch.delenv("MAILWEIR_MASTER_KEY")
    with pytest.raises(ConfigurationError, match=r"MAILWEIR_MASTER_KEY_FILE: .*No such file"):
        load()


@pytest.mark.parametrize(
    "url",
    [
        *("canary", "mysql://u:canary@h/d", "postgresql://u:canary", "postgresql://u@h:canary/d"),
        "postgresql+asyncpg://u:canary@h/d",
    ],
)
def test_what_is_no_address_of_postgres_is_refused_unrepeated(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MAILWEIR_DATABASE_URL", url)
    with pytest.raises(ConfigurationError, match=r"MAILWEIR_DATABASE_URL: .*postgresql://USER:PASSWORD@HOST") as caught:
        load()
    assert "canary" not in str(caught.value)


def test_a_password_with_an_at_sign_is_not_taken_for_a_part_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILWEIR_DATABASE_URL", "postgresql://u:p@canary@h:5432/d")
    with pytest.raises(ConfigurationError, match="in the password write %40 for @") as caught:
        load()
    assert "canary" not in str(caught.value)
    monkeypatch.setenv("MAILWEIR_DATABASE_URL", "postgresql://u@server:p%40canary@server.example:5432/d")
    assert load().database_url is not None


def test_a_spool_that_cannot_be_written_to_is_told_before_a_large_message_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAILWEIR_POLLER_SPOOL", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=r"MAILWEIR_POLLER_SPOOL: .*missing is no folder"):
        read(PollerSettings)
    monkeypatch.setenv("MAILWEIR_POLLER_SPOOL", str(tmp_path))
    assert read(PollerSettings).spool == tmp_path
