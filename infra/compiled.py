"""``python -m infra.compiled``: have the parser compiled to machine code where a C compiler is, by :mod:`infra.mypyc`.

It lies next to its sources in an ignored folder (:mod:`services.parser.compiled` says which). Without it the same
modules run interpreted, with the same results. Nothing is done when no input has changed.
"""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from services.common.durable import locked
from services.common.errors import ConfigurationError, MailweirError, Unavailable
from services.parser.compiled import FOLDER, folder

ROOT = Path(__file__).parents[1]
_STAMP = "built-by"


def build() -> bool:
    """Compile what is not there or not of today's inputs; True when something was done.

    Raises:
        ConfigurationError: a compiler, Python's headers or mypyc is missing.
        Unavailable: compiling failed, with its last lines.

    """
    builder = _builder()
    with locked(ROOT / "build" / "compiled.lock"):
        wanted = folder()
        stamp = wanted / _STAMP
        if stamp.exists() and stamp.read_text() == builder:
            return False
        FOLDER.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as made:
            _compile(Path(made))
            (Path(made) / "lib" / _STAMP).write_text(builder)
            _clear()
            shutil.move(Path(made) / "lib", wanted)
    return True


def _builder() -> str:
    """What else than the sources decides the outcome."""
    if shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) is None:
        raise ConfigurationError("there is no C compiler")
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        raise ConfigurationError("the headers of Python are missing (Debian: python3-dev)")
    try:
        rules = (ROOT / "infra" / "mypyc.py").read_bytes()
        return f"mypy {version('mypy')} {sha256(rules).hexdigest()[:16]}\n"
    except PackageNotFoundError:
        raise ConfigurationError("mypy is not installed (requirements/dev.txt)") from None


def _compile(folder: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "infra.mypyc", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = " / ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise Unavailable(f"compiling the parser failed (exit {done.returncode}): {last}")


def _clear() -> None:
    for old in FOLDER.iterdir():
        shutil.rmtree(old)


def main() -> int:
    """Exit code 0 when the parser is compiled or cannot be here, which one line says; else that of the failure."""
    try:
        done = build()
    except ConfigurationError as error:
        print(f"the parser runs interpreted, which is slower: {error}")
        return 0
    except MailweirError as error:
        print(f"{error}; the parser runs interpreted, which is slower", file=sys.stderr)
        return error.exit_code
    print("the parser is compiled" if done else "the compiled parser is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
