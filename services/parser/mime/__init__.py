"""MIME to the Email object of RFC 8621. Never raises on any octets, never loses one, says what it repaired."""

from services.parser import compiled

__path__ = compiled.search_path(__path__)

from services.common.email import Email
from services.parser.mime import assemble
from services.parser.mime.leaves import Streamed
from services.parser.mime.limits import Limits
from services.parser.mime.result import File, Parsed, Source
from services.parser.mime.stream import Window
from services.parser.mime.version import VERSION

__all__ = ["VERSION", "Email", "File", "Limits", "Parsed", "Source", "parse", "parse_message", "parse_source"]


def parse(raw: bytes, *, limits: Limits = Limits()) -> Email:
    """The message ``raw`` as an Email object."""
    return parse_message(raw, limits=limits).email


def parse_message(raw: bytes, *, limits: Limits = Limits(), known_sha256: str | None = None) -> Parsed:
    """The message ``raw`` and its files, which hold their decoded octets. A hash that is known is not taken again."""
    return assemble.in_memory(raw, limits, 0, known_sha256)


def parse_source(source: Source, *, limits: Limits = Limits()) -> Parsed:
    """The same Email for a message that is read by blocks; its files say where their encoded octets are.

    Raises only what ``source.read`` raises.
    """
    window = Window(source)
    return assemble.message(window, Streamed(window), window.sha256, limits, keep=False)
