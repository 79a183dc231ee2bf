"""A small service for the tests of the runtime: reads mail.fetched, appends a line per message, says it is filed.

``python -m tests.integration.runtime.worker FOLDER``: the sink is FOLDER/sink; files in FOLDER steer the handler:
``down`` (a dependency does not answer), ``raise`` (its text: a UID that makes the handler raise), ``hang``, ``slow``
(seconds per batch), ``most`` (lines of the sink from which on every batch waits until the file is gone), and at the
start ``within`` (seconds a batch waits for more).
FOLDER/started appears with the first batch. A message whose body is ``refuse`` is rejected.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from services.common import topics
from services.common.errors import Unavailable
from services.common.events import Event, MessageFetched, ObjectFiled
from services.common.runtime.process import serve
from services.common.service import Batch, Outcome, Rejected, Service, Subscription

BATCH = 20


def filed(event: MessageFetched) -> ObjectFiled:
    return ObjectFiled(
        place=event.place,
        contentsha256=event.contentsha256,
        internaldate=None,
        size=event.size,
        kind="message",
        sha256=event.contentsha256,
        bucket="b",
        key=f"{event.place.account}/messages/undated/{event.contentsha256}.eml",
        objectsize=event.size,
        contenttype="message/rfc822",
    )


async def handle(batch: Sequence[Event], folder: Path) -> Sequence[Outcome]:
    messages = [event for event in batch if isinstance(event, MessageFetched)]
    (folder / "started").touch()
    if (folder / "down").exists():
        raise Unavailable("the sink does not answer")
    if (folder / "hang").exists():
        await asyncio.sleep(3600)
    await asyncio.sleep(float(told(folder / "slow") or 0))
    while full(folder):  # noqa: ASYNC110 -- another process changes the folder
        await asyncio.sleep(0.05)
    if told(folder / "raise") in {str(event.place.uid) for event in messages}:
        raise RuntimeError("a bug on this message")
    append(folder / "sink", [event.place.uid for event in messages if event.body != b"refuse"])
    return [
        Rejected(event, "refused.test", "not wanted") if event.body == b"refuse" else filed(event) for event in messages
    ]


def told(switch: Path) -> str:
    """The text of a switch; empty when it is not there, which may be so between any two looks."""
    try:
        return switch.read_text()
    except FileNotFoundError:
        return ""


def full(folder: Path) -> bool:
    most = told(folder / "most")
    return bool(most) and told(folder / "sink").count("\n") >= int(most)


def append(sink: Path, uids: Sequence[int]) -> None:
    with sink.open("ab", buffering=0) as file:
        file.write(b"".join(b"%d %d\n" % (os.getpid(), uid) for uid in uids))


def service(folder: Path) -> Service:
    batch = Batch(BATCH, float(told(folder / "within") or 0.05))
    return Service("sink", [Subscription(topics.MAIL_FETCHED, partial(handle, folder=folder), batch)])


if __name__ == "__main__":
    sys.exit(serve("sink", lambda settings: service(Path(sys.argv[1]))))
