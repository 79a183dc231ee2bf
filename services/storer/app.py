"""Wiring of the storer."""

from dataclasses import dataclass
from functools import partial

from services.common import topics
from services.common.service import Batch, Service, Subscription
from services.common.topics import Topic
from services.storer import adapters, mailbox, threads
from services.storer.handlers import Parts, Write, Writer, storing
from services.storer.settings import StorerSettings

_PART = 125  # events of a transaction: the rows of one part are made while the database works on another


@dataclass(frozen=True, slots=True)
class Ports:
    """What the storer needs from outside: a database."""

    writer: Writer


def service(settings: StorerSettings, ports: Ports) -> Service:
    """Events in, rows out."""
    batch = Batch(settings.batch, settings.within)

    def stores(topic: Topic, write: Write, parts: Parts | None = None) -> Subscription:
        return Subscription(topic, storing(write, ports.writer, parts), batch)

    return Service(
        "storer",
        [
            stores(topics.MAIL_PARSED, adapters.write_parsed, partial(threads.parts, size=_PART)),
            stores(topics.MAIL_FILED, adapters.write_filed),
            stores(topics.MAIL_MAILBOX, mailbox.write_mailbox),
            stores(topics.MAIL_AUDIT, adapters.write_audit),
            *(stores(topic, adapters.write_dead_letters) for topic in topics.DEAD_LETTER_TOPICS),
        ],
    )
