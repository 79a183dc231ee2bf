"""Stored messages against the present parser."""

from collections.abc import Awaitable, Callable

from services.common.events import EmailParsed, MessageFetched
from services.common.settings import read
from services.front.context import Context
from services.parser import app
from services.parser.adapters import opener
from services.parser.settings import ParserSettings
from services.storer.compare import Difference, differences


def comparing(context: Context) -> Callable[[MessageFetched], Awaitable[list[Difference]]]:
    """What tells the fields that a reparse of a message would change."""
    (subscription,) = app.service(read(ParserSettings), app.Ports(opener(context.store))).subscriptions

    async def differing(event: MessageFetched) -> list[Difference]:
        parsed = [outcome for outcome in await subscription.handler([event]) if isinstance(outcome, EmailParsed)]
        return [difference for each in parsed for difference in differences(context.engine, each)]

    return differing
