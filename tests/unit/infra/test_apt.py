"""Programs that come with packages of Debian's."""

from pathlib import Path

import pytest

from infra.local import apt
from services.common.errors import ConfigurationError


def test_a_program_that_is_there_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mbsync"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert apt.program("mbsync", "isync", "which this is compared with") == program


def test_a_program_that_cannot_be_installed_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError) as told:
        apt.program("no-such-program", "its-package", "which this is compared with")
    assert str(told.value) == (
        "no-such-program is missing, which this is compared with: apt-get install -y its-package"
    )
