"""Which form of ``services.parser.mime`` runs: compiled to machine code (``python -m infra.compiled``) or interpreted.

The compiled modules lie in a folder that is named by a digest of their sources, so one that belongs to other sources
is never found: an edited file takes effect at once.
"""

import os
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

PACKAGE = Path(__file__).parent / "mime"
FOLDER = PACKAGE / ".compiled"
_TYPES = Path(__file__).parents[1] / "common"
_READERS = ("charset_labels", "incremental", "normal_form", "transfer")
_TYPED_BY = ("email.py", *(f"message/{name}.py" for name in _READERS))
"""Interpreted modules whose types the compiled ones rely on."""


def sources() -> list[Path]:
    """The modules that are compiled; ``__init__`` chooses and so stays as it is."""
    return sorted(path for path in PACKAGE.glob("*.py") if path.name != "__init__.py")


def folder() -> Path:
    """Where the compiled form of the sources as they are now lies, or would lie."""
    whole = sha256(EXTENSION_SUFFIXES[0].encode())
    for path in (*sources(), *(_TYPES / name for name in _TYPED_BY)):
        whole.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return FOLDER / whole.hexdigest()[:16]


def search_path(interpreted: list[str]) -> list[str]:
    """The ``__path__`` of the package: compiled modules go first, unless MAILWEIR_INTERPRETED is 1."""
    if not FOLDER.is_dir() or os.environ.get("MAILWEIR_INTERPRETED") == "1":
        return interpreted
    found = folder()
    return [str(found), *interpreted] if found.is_dir() else interpreted
