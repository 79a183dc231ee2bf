"""House rules that no linter knows: module sizes, the same files in every service, no registry, safe patterns."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULE_LINES = 300
APP_LINES = 100
SERVICES = ("poller", "parser", "storer", "attachments", "console")
EVERY_SERVICE = ("__main__.py", "app.py", "settings.py", "handlers.py")
# Python 3.11.0 to 3.11.4, Debian 12's among them, match a possessive group wrongly (CPython issues 100061 and 106052).
_POSSESSIVE_GROUP = re.compile(r"\)[*+?]\+|\(\?>")
_ONE_CHARACTER = re.compile(r"\\.|\[\^?\]?[^\]]*\]", re.DOTALL)
_REGISTRY = re.compile(r"https?://[^ \"]*(/simple/|\.whl|/-/[^ \"]*\.tgz|\.crate|/@v/|/maven2/|/pool/main/)")


def tracked() -> list[Path]:
    """Every file of the project."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def long_modules(files: list[Path]) -> Iterator[str]:
    """Modules over 300 lines, wiring over 100."""
    for path in files:
        if path.suffix != ".py":
            continue
        allowed = APP_LINES if path.name == "app.py" else MODULE_LINES
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > allowed:
            yield f"{path.relative_to(ROOT)}: {lines} lines, {allowed} allowed: split it by concept"


def missing_files() -> Iterator[str]:
    """Who has read one service has read all: the same files in each."""
    for service in SERVICES:
        for name in EVERY_SERVICE:
            if not (ROOT / "services" / service / name).is_file():
                yield f"services/{service}/{name}: missing"


def registry_addresses(files: list[Path]) -> Iterator[str]:
    """Pins and lock files carry no address of a package registry."""
    for path in files:
        if path.suffix not in (".eml", ".png") and _REGISTRY.search(path.read_text(encoding="utf-8", errors="replace")):
            yield f"{path.relative_to(ROOT)}: names a package registry"


def possessive_groups(files: list[Path]) -> Iterator[str]:
    """Patterns that mean something else on another Python 3.11; possessive repeats of single characters are right."""
    for path in files:
        if path.suffix == ".py" and path.parts[len(ROOT.parts)] == "services":
            for line, text in _patterns(path):
                if _POSSESSIVE_GROUP.search(_ONE_CHARACTER.sub("x", text)):
                    yield f"{path.relative_to(ROOT)}:{line}: a possessive group; unroll it: [^x]*+(?:x[^x]*+)*"


def _patterns(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every literal piece of a pattern."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and call.args and ast.unparse(call.func).startswith("re."):
            for piece in ast.walk(call.args[0]):
                if isinstance(piece, ast.Constant):
                    text = piece.value.decode("latin-1") if isinstance(piece.value, bytes) else str(piece.value)
                    yield piece.lineno, text


def main() -> int:
    """Print every breach; 1 when there is one."""
    files = tracked()
    breaches = [*long_modules(files), *missing_files(), *registry_addresses(files), *possessive_groups(files)]
    sys.stdout.writelines(f"{breach}\n" for breach in breaches)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
