from pathlib import Path

import pytest

from infra import compiled as building
from services.common.errors import Unavailable
from services.parser import compiled


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("PATH", "")
    assert building.main() == 0
    assert capsys.readouterr().out == "the parser runs interpreted, which is slower: there is no C compiler\n"


def test_a_failure_is_told_by_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "__init__.py").write_text("")
    (tmp_path / "infra" / "mypyc.py").write_text("import sys; sys.exit('first\\nno such type')")
    (tmp_path / "build").mkdir()
    monkeypatch.setattr(building, "_builder", lambda: "any")
    monkeypatch.setattr(building, "ROOT", tmp_path)
    monkeypatch.setattr(building, "FOLDER", tmp_path / ".compiled")
    monkeypatch.setattr(building, "folder", lambda: tmp_path / ".compiled" / "wanted")
    with pytest.raises(Unavailable, match=r"failed \(exit 1\): first / no such type"):
        building.build()
    assert not list((tmp_path / ".compiled").iterdir())


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MAILWEIR_INTERPRETED", raising=False)
    monkeypatch.setattr(compiled, "PACKAGE", tmp_path)
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / ".compiled")
    (tmp_path / "scanner.py").write_text("one = 1\n")
    compiled.folder().mkdir(parents=True)
    return tmp_path


def test_compiled_modules_go_first(package: Path) -> None:
    assert compiled.search_path(["here"]) == [str(compiled.folder()), "here"]


def test_a_changed_source_is_never_shadowed(package: Path) -> None:
    (package / "scanner.py").write_text("one = 2\n")
    assert compiled.search_path(["here"]) == ["here"]


def test_a_new_source_is_never_shadowed(package: Path) -> None:
    (package / "other.py").write_text("")
    assert compiled.search_path(["here"]) == ["here"]


def test_the_interpreted_form_can_be_asked_for(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILWEIR_INTERPRETED", "1")
    assert compiled.search_path(["here"]) == ["here"]


def test_nothing_is_looked_up_where_nothing_was_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / ".compiled")
    assert compiled.search_path(["here"]) == ["here"]
