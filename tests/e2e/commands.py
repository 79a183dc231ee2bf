"""The ``mailweir`` command as a person or a program runs it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mailweir:
    """The command in a home of its own, with extra environment; nothing of the caller's settings leaks in."""

    home: Path
    environment: tuple[tuple[str, str], ...] = ()

    def __call__(self, *arguments: str, timeout: float = 240, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "services.cli.main", *arguments],
            env=self.env(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MAILWEIR_")}
        return clean | {"MAILWEIR_HOME": str(self.home)} | dict(self.environment)
