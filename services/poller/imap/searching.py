"""The two other ways to learn which UIDs exist."""

from services.poller.domain.uidset import UidSet
from services.poller.imap.classify import refusal
from services.poller.imap.encode import number
from services.poller.imap.folders import run
from services.poller.imap.merging import items_of
from services.poller.imap.protocol import Connection
from services.poller.imap.responses import nz_number


async def search_all(connection: Connection, low: int, high: int | None) -> UidSet:
    """UIDs of UID SEARCH UID low:high; numbers that are no UIDs are left out. Raises Refused, CommandRejected."""
    span = number(low) + b":" + (b"*" if high is None else number(high))
    frames, _ = await run(connection, "UID SEARCH", [b"UID", span], frozenset({b"SEARCH"}))
    found: list[int] = []
    for frame in frames:
        line = frame[0]
        assert isinstance(line, bytes)
        texts = line.decode("latin-1").split()[2:]
        found += [uid for uid in map(nz_number, texts) if uid is not None and low <= uid <= (high or uid)]
    return UidSet.of(found)


async def highest_uid(connection: Connection) -> int | None:
    """UID of ``*``; the largest when the server answers more than it was asked."""
    exchange = await connection.begin("UID FETCH", [b"*", b"(UID)"], frozenset({b"FETCH"}))
    best: int | None = None
    while frames := await connection.frames(exchange):
        uids = [nz_number((items_of(frame) or {}).get("UID")) for frame in frames]
        best = max((uid for uid in [*uids, best] if uid is not None), default=None)
    answer = connection.finish(exchange)
    if answer.kind == "NO" or (answer.kind == "BAD" and best is None):
        raise refusal(answer, "UID FETCH")
    return best
