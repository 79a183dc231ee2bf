"""What ``mailweir sync --watch`` tells: mail that came, and each change of an account's state."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import click

from services.cli.language import language
from services.common.clock import SystemClock
from services.common.events import AccountReported, Event, MessageFetched
from services.common.service import Publisher
from services.front import plain, retold

Told = dict[str, str | int]


class Telling:
    """A ``Publisher`` that tells what went through another one: lines on stderr, with ``as_json`` objects on stdout.

    ``closed`` is called when nobody takes them any more; ``failure`` says why. What is published is published.
    """

    def __init__(self, own: Publisher, closed: Callable[[], None], *, as_json: bool) -> None:
        self.failure: OSError | None = None
        self._own = own
        self._closed = closed
        self._as_json = as_json
        self._states: dict[str, Told] = {}

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish, then tell. Raises what the other publisher raises."""
        await self._own.publish(events)
        try:
            self._tell(events)
        except OSError as failure:
            self.failure = failure
            self._closed()

    def _tell(self, events: Sequence[Event]) -> None:
        for told in (*_arrivals(events), *self._changes(events)):
            if self._as_json:
                click.echo(plain.json(told))
            else:
                click.echo(f"{SystemClock().now().astimezone():%H:%M:%S} {_line(told)}", err=True)

    def _changes(self, events: Sequence[Event]) -> Iterator[Told]:
        for event in events:
            if isinstance(event, AccountReported):
                told = _state(event)
                if self._states.get(event.account) != told:
                    self._states[event.account] = told
                    yield told


def _arrivals(events: Sequence[Event]) -> Iterator[Told]:
    arrived = Counter((e.place.account, e.place.folder) for e in events if isinstance(e, MessageFetched))
    for (account, folder), messages in arrived.items():
        yield {"account": account, "folder": folder, "messages": messages}


def _state(event: AccountReported) -> Told:
    said = {"state": event.state, "signin": event.signin, "detail": event.detail, "advice": event.advice}
    return {"account": event.account, **said}


def _line(told: Told) -> str:
    if "messages" in told:
        return f"{told['account']}: {plain.named(str(told['folder']))}: {told['messages']} retrieved"
    account = str(told["account"])
    why = "; ".join(retold.told(str(told["detail"]), str(told["advice"]), account, language()))
    return f"{account}: {told['state']}, sign-in {told['signin']}{': ' if why else ''}{why}"
