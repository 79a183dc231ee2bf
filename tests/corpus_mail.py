"""Real messages for tests: the shared corpus (``MAILWEIR_CORPUS``). Nothing of it is copied here."""

import os
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUFFIXES = {".eml", ".msg", ".txt", ".email", ""}


def corpus_root() -> Path:
    """The corpus folder; a missing one is an error, not a skip."""
    root = Path(os.environ.get("MAILWEIR_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not root.is_dir():
        raise FileNotFoundError(f"no test corpus at {root}; set MAILWEIR_CORPUS to a copy of it")
    return root


def _files() -> Iterator[bytes]:
    for path in sorted(corpus_root().rglob("*")):
        if path.is_file() and path.suffix.lower() in SUFFIXES and path.name != "README.md":
            yield path.read_bytes()


def _archived() -> Iterator[bytes]:
    with tarfile.open(corpus_root() / "easy-ham.tar.gz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content:
                yield content.read()


def messages_of_all_kinds() -> Iterator[bytes]:
    """Every different message, classic and broken ones first, then ordinary mail."""
    seen: set[bytes] = set()
    for source in (_files(), _archived()):
        for raw in source:
            if raw and raw not in seen:
                seen.add(raw)
                yield raw


@cache
def messages(count: int) -> tuple[bytes, ...]:
    """The first ``count`` different messages below 2 MB; classic and broken ones first, then ordinary mail."""
    chosen: dict[bytes, None] = {}
    for source in (_files(), _archived()):
        for raw in source:
            if 0 < len(raw) < 2_000_000:
                chosen.setdefault(raw)
            if len(chosen) == count:
                return tuple(chosen)
    raise ValueError(f"the corpus has only {len(chosen)} messages")
