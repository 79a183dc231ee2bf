"""The embedded runtime with all services, for commands: what one person's mailbox needs, in one process."""

from services.attachments import app as attachments
from services.attachments.settings import AttachmentsSettings
from services.common.runtime.embedded import Embedded
from services.common.settings import read
from services.front.context import Context
from services.parser import app as parser
from services.parser.adapters import opener
from services.parser.settings import ParserSettings
from services.storer import app as storer
from services.storer.adapters import PostgresWriter
from services.storer.settings import StorerSettings


def publisher(context: Context) -> Embedded:
    """A publisher that runs every event through parser, attachments and storer before it returns."""
    return Embedded(
        [
            parser.service(read(ParserSettings), parser.Ports(opener(context.store))),
            attachments.service(read(AttachmentsSettings), attachments.Ports(context.store)),
            storer.service(read(StorerSettings), storer.Ports(PostgresWriter(context.engine))),
        ]
    )
