"""The two other ways to learn which UIDs exist."""

from services.poller.domain.uidset import UidSet
from services.poller.imap.classify import refusal
from services.poller.imap.folders import run
from services.poller.imap.merging import items_of
from services.poller.imap.protocol import Connection
from services.poller.imap.responses import nz_number


async def search_all(connection: Connection) -> UidSet:
    """UIDs of UID SEARCH UID 1:*; numbers that are no UIDs are left out. Raises Refused, CommandRejected."""
    frames, _ = await run(connection, "UID SEARCH", [b"UID", b"1:*"], frozenset({b"SEARCH"}))
    found: list[int] = []
    for frame in frames:
        line = frame[0]
        assert isinstance(line, bytes)
        found += [uid for uid in map(nz_number, line.decode("latin-1").split()[2:]) if uid is not None]
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
