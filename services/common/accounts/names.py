"""Names of accounts for Tab, which starts no database: asked of one that runs, else read from a file beside it."""

from collections.abc import Iterable
from pathlib import Path

from services.common.durable import replace

QUERY = "SELECT slug FROM accounts ORDER BY slug"
_FILE = "accounts.names"


def note(home: Path, names: Iterable[str]) -> None:
    """Remember the names of all accounts, when they are others than before."""
    lines = "".join(f"{name}\n" for name in names)
    file = home / _FILE
    if lines != (file.read_text(encoding="utf-8") if file.exists() else ""):
        replace(file, lines, 0o600)


def remembered(home: Path) -> list[str]:
    """The names that were noted last. Raises OSError without a file, and UnicodeError for one that is not ours."""
    return (home / _FILE).read_text(encoding="utf-8").splitlines()
