from collections.abc import Iterator
from pathlib import Path

import pytest

from services.console import static_files


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    static_files.version.cache_clear()
    yield
    static_files.version.cache_clear()


def test_an_address_changes_with_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = tmp_path / ".built"
    stamp.write_text("0123456789abcdef")
    monkeypatch.setattr(static_files, "_STAMP", stamp)
    assert static_files.address("app.css") == "/static/app.css?v=0123456789ab"


def test_without_a_build_pages_are_plain_and_the_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(static_files, "_STAMP", tmp_path / "none")
    assert static_files.address("app.css") == "/static/app.css?v=unbuilt"
    assert "make assets" in caplog.text
