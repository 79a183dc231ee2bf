"""Which Python `make setup` takes."""

import subprocess
from pathlib import Path

import pytest

from infra.setup import ROOT


def python(folder: Path, name: str, *, fit: bool, plain: bool = False) -> Path:
    """A program that answers as a Python would, whether it is fit and whether it was built without optimisation."""
    made = folder / name
    made.write_text(f'#!/bin/sh\ncase "$2" in *CONFIG_ARGS*) exit {int(not plain)} ;; *) exit {int(not fit)} ;; esac\n')
    made.chmod(0o755)
    return made


@pytest.mark.parametrize(
    ("fit", "plain", "system_fit", "taken"),
    [
        (True, True, True, "system"),
        (True, False, True, "first"),
        (True, True, False, "first"),
        (False, False, True, "system"),
        (False, False, False, "first"),
    ],
)
def test_the_systems_is_taken_where_the_other_is_a_slow_build_or_not_fit(
    tmp_path: Path, fit: bool, plain: bool, system_fit: bool, taken: str
) -> None:
    first, system = python(tmp_path, "first", fit=fit, plain=plain), python(tmp_path, "system", fit=system_fit)
    command = ["sh", str(ROOT / "infra" / "python.sh"), str(first), str(system)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / taken)
