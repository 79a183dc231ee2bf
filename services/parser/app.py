"""Wiring of the parser."""

from dataclasses import dataclass
from functools import partial

from services.common import topics
from services.common.service import Batch, Service, Subscription
from services.parser import handlers
from services.parser.handlers import OpenSource
from services.parser.settings import ParserSettings


@dataclass(frozen=True, slots=True)
class Ports:
    """What the parser needs from outside: a way to read a raw message behind a claim check."""

    open_source: OpenSource


def service(settings: ParserSettings, ports: Ports) -> Service:
    """Messages in; parsed mail and attachments out."""
    parse = partial(handlers.parse, open_source=ports.open_source, inline_limit=settings.inline_limit)
    return Service("parser", [Subscription(topics.MAIL_FETCHED, parse, Batch(settings.batch, settings.within))])
