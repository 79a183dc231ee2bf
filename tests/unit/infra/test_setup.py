import shutil
from pathlib import Path

import pytest

from infra.setup import ROOT, generate
from services.common.master_key import parse
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


def test_a_file_that_is_there_is_kept_and_used(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "postgres_password").write_text("own")
    assert "secrets/postgres_password" not in generate(tmp_path)
    assert (tmp_path / "secrets" / "database_url").read_text() == "postgresql://mailweir:own@postgres:5432/mailweir"


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
