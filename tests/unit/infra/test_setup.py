import shutil
from pathlib import Path

import pytest
from sqlalchemy import make_url

from infra.setup import ROOT, generate, main, troubles
from services.common.accounts.master_key import parse
from tests.fakes.full_disk import no_file_larger_than


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copy(ROOT / ".env.example", tmp_path)
    generate(tmp_path)
    return tmp_path


def test_everything_the_compose_file_names_is_made(root: Path) -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    made = {f"./secrets/{path.name}" for path in (root / "secrets").iterdir()}
    assert {word.rstrip("}") for word in compose.split() if word.startswith("./secrets/")} <= made
    assert (root / ".env").read_text() == (ROOT / ".env.example").read_text()


def test_a_second_run_changes_nothing(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert generate(root) == []
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_full_disk_leaves_no_empty_secret(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    with no_file_larger_than(0), pytest.raises(OSError, match="File too large"):
        generate(tmp_path)
    generate(tmp_path)
    assert all(path.stat().st_size > 0 for path in (tmp_path / "secrets").iterdir())
    assert (tmp_path / ".env").read_bytes() == (ROOT / ".env.example").read_bytes()


def test_only_the_owner_reaches_the_secrets(root: Path) -> None:
    assert (root / "secrets").stat().st_mode & 0o777 == 0o700


def test_passwords_are_long_and_never_the_same(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    shutil.copy(ROOT / ".env.example", other)
    generate(other)
    for name in ("postgres_password", "s3_secret_key", "dovecot_password", "master_key"):
        texts = {(folder / "secrets" / name).read_text() for folder in (root, other)}
        assert len(texts) == 2
        assert all(len(text) >= 32 for text in texts)


def test_the_master_key_is_one(root: Path) -> None:
    assert len(parse((root / "secrets" / "master_key").read_text(), "test")) == 1


@pytest.mark.parametrize("password", ["own", "own\n", "p@ss/w%rd:?# ü", " blank "])
def test_a_password_of_ones_own_is_kept_and_reaches_the_address_of_the_database(tmp_path: Path, password: str) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    (tmp_path / "secrets").mkdir()
    own = tmp_path / "secrets" / "postgres_password"
    own.write_text(password)
    assert "secrets/postgres_password" not in generate(tmp_path)
    assert own.read_text() == password
    url = make_url((tmp_path / "secrets" / "database_url").read_text())
    where = ("postgresql", "mailweir", "postgres", 5432, "mailweir")
    assert (url.drivername, url.username, url.host, url.port, url.database) == where
    assert url.password == password.rstrip("\n")


def test_what_was_made_is_without_trouble(root: Path) -> None:
    assert [*troubles(root)] == []


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_names_that_do_nothing_in_env_are_told_with_their_line(root: Path, start: bytes, end: bytes) -> None:
    lines = (b"# MAILWEIR_COMMENT=1", b"MAILWEIR_S3_BUKET=mail", b"MAILWEIR_KAFKA=other:9092", b"MAILWEIR_LOG='debug'")
    more = (b"MAILWEIR_PARSER_BATCH=10", b"export mailweir_log=info", b"TZ=UTC", b"MAILWEIR_CONSOLE_PORT=80")
    more = (*more, b"MAILWEIR_MASTER_KEY=of-commands-beside-the-containers")
    (root / ".env").write_bytes(start + end.join([*lines, *more, b""]))
    assert [*troubles(root)] == [
        ".env, line 2: MAILWEIR_S3_BUKET is not a setting and is ignored; is MAILWEIR_S3_BUCKET meant?",
        ".env, line 3: MAILWEIR_KAFKA is set by docker-compose.yml itself, and ignored here",
        ".env, line 6: mailweir_log is not a setting and is ignored; is MAILWEIR_LOG meant?",
        ".env, line 8: MAILWEIR_CONSOLE_PORT is set by docker-compose.yml itself, and ignored here",
        ".env, line 9: MAILWEIR_MASTER_KEY is set by docker-compose.yml itself, and ignored here",
    ]


@pytest.mark.parametrize(
    ("name", "octets", "mode", "told"),
    [
        ("s3_secret_key", b"", 0o644, "the file is empty"),
        ("s3_secret_key", b"a\x00b", 0o644, "control character"),
        ("database_url", b"\xff\xfep\x00", 0o644, "not UTF-8"),
        ("master_key", b"x\n", 0o600, "chmod 644 secrets/master_key"),
    ],
)
def test_secrets_that_the_services_could_not_use(root: Path, name: str, octets: bytes, mode: int, told: str) -> None:
    path = root / "secrets" / name
    path.write_bytes(octets)
    path.chmod(mode)
    (line,) = troubles(root)
    assert line.startswith(f"secrets/{name}: ")
    assert told in line


@pytest.mark.parametrize("given", ["", "COMPOSE_PROJECT_NAME=second\n"])
def test_containers_of_another_checkout_are_not_replaced(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str], given: str,
) -> None:  # fmt: skip
    """``docker`` here is a program that knows one project; the real one wants a daemon."""
    tools, first = tmp_path_factory.mktemp("tools"), tmp_path_factory.mktemp("first")
    (tools / "docker").write_text(f'#!/bin/sh\ncase "$*" in *project=mailweir) echo {first};; esac\n')
    (tools / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    with (root / ".env").open("a") as file:
        file.write(given)
    assert main(["--before-up"], root) == (0 if given else 2)
    assert (str(first) in capsys.readouterr().err) == (not given)
    assert main([], root) == 0
    first.rmdir()  # a checkout that was moved left its containers behind, and is none any more
    assert main(["--before-up"], root) == 0


def test_without_docker_nothing_is_said_of_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["--before-up"], root) == 0


def volumes(tools: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """``docker`` as a program that knows these volumes and no container."""
    known = "|".join(names) or "none"
    (tools / "docker").write_text(f'#!/bin/sh\n[ "$1" = ps ] && exit 0\ncase "$3" in {known}) exit 0;; esac; exit 1\n')
    (tools / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tools")


@pytest.mark.parametrize("volume", ["mailweir_postgres", "other"])
def test_a_lost_master_key_is_not_made_anew(
    root: Path, tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], volume: str
) -> None:
    volumes(tools, monkeypatch, volume)
    key = root / "secrets" / "master_key"
    key.unlink()
    assert (main([], root), main(["--before-up"], root), key.exists()) == (0, 2, False)
    told = capsys.readouterr().err
    assert told.count("secrets/master_key is gone") == told.count("\n") == 2  # and nothing else of the file
    key.write_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
    assert (main(["--before-up"], root), capsys.readouterr().err) == (0, "")


def test_secrets_that_are_all_gone_are_not_made_anew_while_the_data_are_there(
    root: Path, tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(root / "secrets")
    volumes(tools, monkeypatch, "mailweir_postgres")
    assert (main([], root), main(["--before-up"], root), (root / "secrets").exists()) == (0, 2, False)
    told = dict.fromkeys(capsys.readouterr().err.splitlines())
    assert [line.partition(" ")[0] for line in told] == ["secrets/master_key", "secrets/postgres_password"]
    (root / ".env").write_text("COMPOSE_PROJECT_NAME=second\n")
    assert main(["--before-up"], root) == 0
    assert (root / "secrets" / "database_url").exists()


def test_a_first_run_that_was_killed_goes_on(root: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volumes(tools, monkeypatch)
    for name in ("master_key", "dovecot_password", "dovecot_users"):
        (root / "secrets" / name).unlink()
    assert main(["--before-up"], root) == 0
    assert (root / "secrets" / "master_key").exists()


@pytest.mark.parametrize("password", ["plain", "p@ss/w%rd:?# ü"])
def test_either_place_of_the_password_is_made_of_the_other(tmp_path: Path, password: str) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "postgres_password").write_text(password)
    generate(tmp_path)
    before = (tmp_path / "secrets" / "database_url").read_text()
    for name in ("postgres_password", "database_url"):
        (tmp_path / "secrets" / name).unlink()
        assert generate(tmp_path) == [f"secrets/{name}"]
    assert (tmp_path / "secrets" / "postgres_password").read_text() == password
    assert (tmp_path / "secrets" / "database_url").read_text() == before
