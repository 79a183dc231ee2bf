"""One stored message against the present parser."""

from services.common.events import EmailParsed, MessageFetched
from services.common.settings import read
from services.front.context import Context
from services.parser import app
from services.parser.adapters import opener
from services.parser.settings import ParserSettings
from services.storer.compare import Difference, differences


async def differing(context: Context, event: MessageFetched) -> list[Difference]:
    """Fields that a reparse of this message would change."""
    (subscription,) = app.service(read(ParserSettings), app.Ports(opener(context.store))).subscriptions
    for outcome in await subscription.handler([event]):
        if isinstance(outcome, EmailParsed):
            return list(differences(context.engine, outcome))
    return []
