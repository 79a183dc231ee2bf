"""Wiring of the attachments service."""

from dataclasses import dataclass
from functools import partial

from services.attachments import handlers
from services.attachments.settings import AttachmentsSettings
from services.common import topics
from services.common.objects import ObjectStore
from services.common.service import Batch, Service, Subscription


@dataclass(frozen=True, slots=True)
class Ports:
    """What the service needs from outside: an object store."""

    store: ObjectStore


def service(settings: AttachmentsSettings, ports: Ports) -> Service:
    """Raw messages and attachments in, objects out."""
    batch = Batch(settings.batch, settings.within)
    return Service(
        "attachments",
        [
            Subscription(topics.MAIL_FETCHED, partial(handlers.file_messages, store=ports.store), batch),
            Subscription(topics.MAIL_ATTACHMENTS, partial(handlers.file_attachments, store=ports.store), batch),
        ],
    )
