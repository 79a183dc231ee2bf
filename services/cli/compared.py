"""Stored messages against the present parser."""

from collections.abc import Awaitable, Callable

from services.common.events import EmailParsed, MessageFetched
from services.common.service import Rejected
from services.common.settings import read
from services.front.context import Context
from services.parser import app
from services.parser.adapters import opener
from services.parser.settings import ParserSettings
from services.storer.compare import Compared, Difference, compared

DEAD = "dead letter"
"""Field of the difference of a message that the parser cannot use."""


def comparing(context: Context) -> Callable[[MessageFetched], Awaitable[Compared]]:
    """What tells how the present parser sees a message otherwise than it is stored."""
    (subscription,) = app.service(read(ParserSettings), app.Ports(opener(context.store))).subscriptions

    async def comparison(event: MessageFetched) -> Compared:
        for outcome in await subscription.handler([event]):
            if isinstance(outcome, Rejected):
                return Compared([Difference(DEAD, None, f"{outcome.error}: {outcome.reason}")])
            if isinstance(outcome, EmailParsed):
                return compared(context.engine, outcome)
        return Compared()

    return comparison
