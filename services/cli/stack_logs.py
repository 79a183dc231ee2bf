"""The logs of the local stack on a terminal."""

import time
from collections.abc import Mapping
from pathlib import Path

import click

_LOOK = 0.3
_TAIL = 256 << 10


def last(name: str, path: Path, lines: int, *, named: bool) -> int:
    """Print the last lines of a log, each after its name if ``named``; the offset behind them."""
    if not path.exists():
        return 0
    size = path.stat().st_size
    with path.open("rb") as log:
        log.seek(max(0, size - _TAIL))
        _print(name, log.read(size).decode("utf-8", "replace").splitlines()[-lines:] if lines else [], named=named)
    return size


def follow(logs: Mapping[str, Path], offsets: dict[str, int], *, named: bool) -> None:
    """Print what comes, until interrupted. A log that was begun anew is read from its start."""
    while True:
        for name, path in logs.items():
            offsets[name] = _further(name, path, offsets[name], named=named)
        time.sleep(_LOOK)


def _further(name: str, path: Path, offset: int, *, named: bool) -> int:
    size = path.stat().st_size if path.exists() else 0
    if size == offset:
        return offset
    with path.open("rb") as log:
        log.seek(offset if size > offset else 0)
        fresh = log.read()
    whole = fresh[: fresh.rfind(b"\n") + 1]
    _print(name, whole.decode("utf-8", "replace").splitlines(), named=named)
    return (offset if size > offset else 0) + len(whole)


def _print(name: str, lines: list[str], *, named: bool) -> None:
    for line in lines:
        click.echo(f"{name:12} | {line}" if named else line)
