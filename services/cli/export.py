"""``mailweir export``: stored mail as files that other programs read."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from services.cli.options import mail_options

if TYPE_CHECKING:
    from services.front.context import Context

Write = Callable[[Any, bytes], None]


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["eml", "mbox", "jsonl"]),
    default="eml",
    show_default=True,
    help="A file for each message, one mbox, or a JSON line for each.",
)
@click.option("--to", type=click.Path(path_type=Path), required=True, help="Folder for eml, else a file; - is stdout.")
@click.option("--query", "words", help="Only mail that holds these words.")
@mail_options
def export(form: str, to: Path, words: str | None, **sides: object) -> None:
    """Write messages as .eml files, one mbox (mboxrd), or JSON lines of mail.parsed objects; each message once."""
    from services.cli.choice import choice_of
    from services.common import lookup
    from services.front.context import open_context

    _check(form, to)
    with open_context() as context:
        chosen = lookup.ids(context.engine, choice_of(context, words, **sides))
        with _target(form, to) as stream, _progress(len(chosen)) as advance:
            written, absent = _export(context, chosen, _writer(form, to, stream, context), advance)
    click.echo(
        f"{written} messages written"
        + (f", {absent} without a whole raw object: mailweir repair --verify" if absent else ""),
        err=True,
    )
    raise SystemExit(3 if absent else 0)


def _check(form: str, to: Path) -> None:
    import sys

    from services.cli.terminal import is_terminal
    from services.common.errors import ConfigurationError

    if str(to) != "-":
        _check_kind(form, to)
        return
    if form == "eml":
        raise ConfigurationError("--to -: eml needs a folder; on standard output come mbox and jsonl (--format)")
    if form == "mbox" and is_terminal(sys.stdout):
        raise ConfigurationError("--to -: the octets of mail are not for a terminal; name a file, or pipe them on")


def _check_kind(form: str, to: Path) -> None:
    from services.common.errors import ConfigurationError

    if form == "eml" and to.exists() and not to.is_dir():
        raise ConfigurationError(f"--to {to}: eml needs a folder, and this is none; name one, or say --format mbox")
    if form != "eml" and to.is_dir():
        raise ConfigurationError(f"--to {to}: {form} needs a file, and this is a folder; name one in it")


def _export(context: "Context", chosen: list[int], write: Write, advance: Callable[[], None]) -> tuple[int, int]:
    from services.cli.stored import read_whole
    from services.common import lookup

    written = 0
    for row in lookup.exported(context.engine, chosen):
        raw = read_whole(context, row.key, row.content_sha256)
        if raw is not None:
            write(row, raw)
            written += 1
        advance()
    return written, len(chosen) - written


def _target(form: str, to: Path) -> "AbstractContextManager[BinaryIO | None]":
    from services.cli.terminal import standard_output
    from services.cli.whole_files import whole_file

    if form == "eml":
        to.mkdir(parents=True, exist_ok=True)
        return nullcontext(None)
    if str(to) == "-":
        return nullcontext(standard_output())
    return whole_file(to)


def _progress(total: int) -> AbstractContextManager[Callable[[], None]]:
    from services.cli.progress import bar

    return bar("exporting", total)


def _writer(form: str, to: Path, stream: BinaryIO | None, context: "Context") -> Write:
    if stream is None:
        return lambda row, raw: _write_eml(to, row, raw)
    if form == "mbox":
        return lambda row, raw: _write_mbox(stream, row, raw)
    return lambda row, raw: _write_json(stream, row, raw, context)


def _write_eml(folder: Path, row: Any, raw: bytes) -> None:
    from services.cli.whole_files import whole_file

    day = row.received_at.date().isoformat() if row.received_at else "undated"
    target = folder / row.account / f"{day}-{row.content_sha256[:16]}.eml"
    target.parent.mkdir(exist_ok=True)
    with whole_file(target) as stream:
        stream.write(raw)


def _write_mbox(stream: BinaryIO, row: Any, raw: bytes) -> None:
    """The mboxrd form: a line that starts with any number of > and ``From `` gets one > more."""
    import re
    from datetime import UTC, datetime

    moment = (row.received_at or datetime.fromtimestamp(0, UTC)).astimezone(UTC)
    sender = re.sub(r"[^\x21-\x7e]", "", row.from_email or "") or "MAILER-DAEMON"
    quoted = re.sub(rb"^(>*From )", rb">\1", raw.replace(b"\r\n", b"\n"), flags=re.MULTILINE)
    stream.write(f"From {sender} {moment:%a %b %e %H:%M:%S} {moment.year:04}\n".encode() + quoted)
    stream.write(b"\n" if quoted.endswith(b"\n") else b"\n\n")


def _write_json(stream: BinaryIO, row: Any, raw: bytes, context: "Context") -> None:
    from services.cli.stored import placed
    from services.front import plain

    stream.write(plain.json(placed(context, row, raw)) + b"\n")
