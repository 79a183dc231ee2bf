"""``mailweir parse``: files to ``mail.parsed`` objects, without any server."""

import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from services.cli import offered

if TYPE_CHECKING:
    from concurrent.futures import Future

    from services.cli.mail_files import Item
    from services.common.email import Email

Outcome = tuple[bytes | None, str | None]
_CHUNK = 32
_CHUNK_OCTETS = 4 << 20
_MOST_SHOWN = 10


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=offered.files)
@click.option("--json", "as_json", is_flag=True, help="JSON lines also on a terminal.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes; order is kept.")
def parse(files: tuple[str, ...], as_json: bool, jobs: int) -> None:
    """Parse FILE... (.eml, mbox, folders, or - for standard input) to mail.parsed objects.

    One JSON line per message; on a terminal a short summary instead, unless --json is given. A file that cannot be
    read is reported and the rest goes on (exit code 3).
    """
    from services.cli.mail_files import expanded, items
    from services.cli.terminal import is_terminal, standard_output

    names, out = expanded(files), standard_output()
    line_of = (shown_line if as_json else summary) if is_terminal(sys.stdout) else json_line
    failed = 0
    with _tidied(), _progress(len(names)) as advance:
        found = (item for name in names for item in _counted(name, items(name), advance))
        for line, error in _outcomes(found, jobs, line_of):
            if error is not None:
                failed += 1
                click.echo(f"mailweir parse: {printable(error)}", err=True)
            elif line is not None:
                out.write(line + b"\n")
    out.flush()
    if failed:
        sys.exit(3)


def _counted(name: str, found: "Iterable[Item]", advance: Callable[[], None]) -> "Iterator[Item]":
    yield from found
    advance()


def _progress(total: int) -> AbstractContextManager[Callable[[], None]]:
    """A bar on stderr when that is a terminal and the messages go elsewhere."""
    from services.cli.terminal import is_terminal

    if not is_terminal(sys.stderr) or is_terminal(sys.stdout):
        return nullcontext(lambda: None)
    from services.cli.progress import bar

    return bar("parsing", total)


def _outcomes(found: "Iterable[Item]", jobs: int, line_of: "Callable[[Email], bytes]") -> Iterator[Outcome]:
    """A line or an error per item, in order."""
    if jobs == 1:
        for item in found:
            yield outcome(item, line_of)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    waiting: deque[Future[list[Outcome]]] = deque()
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as pool:
        for chunk in chunks(found):
            with _uninterrupted():
                waiting.append(pool.submit(_work, chunk, line_of))
            if len(waiting) > 2 * jobs:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


@contextmanager
def _tidied() -> Iterator[None]:
    """An interrupted command dies of its signal: what Python does at its end, it does not, and a folder would stay."""
    try:
        yield
    except KeyboardInterrupt:
        from multiprocessing.util import get_temp_dir
        from shutil import rmtree

        rmtree(get_temp_dir(), ignore_errors=True)
        raise


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C reaches every process of the terminal; those started here leave it to the one that ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def chunks(found: "Iterable[Item]") -> "Iterator[list[Item]]":
    """Items in groups of at most 32 and about 4 MiB, so that the cost of passing them on is small."""
    group: list[Item] = []
    size = 0
    for item in found:
        group.append(item)
        size += len(item.raw or b"")
        if len(group) == _CHUNK or size >= _CHUNK_OCTETS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _work(group: "list[Item]", line_of: "Callable[[Email], bytes]") -> list[Outcome]:
    return [outcome(item, line_of) for item in group]


def outcome(item: "Item", line_of: "Callable[[Email], bytes]") -> Outcome:
    """The line of one message, or why there is none: the file could not be read, or the parser has a bug."""
    from services.cli.mail_files import FileSource
    from services.parser import mime

    if item.error is not None:
        return None, f"{item.label}: {item.error}"
    try:
        if item.path is not None:
            source = FileSource(item.path, item.path.stat().st_size)
            return line_of(mime.parse_source(source).email), None
        return line_of(mime.parse(item.raw or b"")), None
    except OSError as error:
        return None, f"{item.label}: {error.strerror or type(error).__name__}"
    except Exception as error:
        return None, f"{item.label}: the parser failed ({type(error).__name__}); please report this message"


def shown_line(email: "Email") -> bytes:
    """The same object on a terminal: what could move its cursor is escaped."""
    from services.front.plain import escaped

    return escaped(json_line(email))


def json_line(email: "Email") -> bytes:
    """The ``mail.parsed`` object, place null."""
    from msgspec import json

    return json.encode(email)


def summary(email: "Email") -> bytes:
    """What a person wants to see first: who, when, what, which files, and how many repairs."""
    from services.front.plain import named

    lines = [
        f"{email.subject or '(no subject)'}",
        f"  from {_people(email.from_)}  to {_people(email.to)}  {email.sent_at or 'no date'}  {email.size:,} bytes",
    ]
    shown = email.attachments[:_MOST_SHOWN]
    lines += [f"  file {named(part.name) or part.part_id} ({part.type}, {part.size:,} bytes)" for part in shown]
    if len(email.attachments) > len(shown):
        lines.append(f"  and {len(email.attachments) - len(shown)} more files")
    if email.mailweir.defects:
        codes = sorted({defect.code for defect in email.mailweir.defects})
        lines.append(f"  repaired: {', '.join(codes)}")
    return "\n".join(printable(line) for line in lines).encode("utf-8", "replace")


def printable(text: str) -> str:
    """Without the control and direction characters that a terminal would act on."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _people(addresses: "Iterable[object] | None") -> str:
    listed = [getattr(address, "email", "") for address in addresses or ()]
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "") if listed else "nobody"
