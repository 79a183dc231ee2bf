"""Steps of the login doctor after sign-in: what of the mailbox can be seen, all read-only."""

import statistics
from collections.abc import Awaitable, Callable

from services.poller.doctor.model import Step, Visit
from services.poller.domain.uidset import UidSet
from services.poller.folders.catalog import unread_lines
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.fetching import EVERYTHING
from services.poller.imap.model import Fetched, Spooled
from services.poller.imap.names import INBOX, address

STATUS_FOLDERS = 50
SAMPLE = 50
MOST_FETCHED = 1 << 20
IDLE_SECONDS = 0.5
ROUNDTRIPS = 3


async def _namespace(visit: Visit) -> Step:
    found = await visit.connected.namespace()
    delimiters = sorted({delimiter or "none" for _, delimiter in found})
    return Step("namespace", "ok", {"personal": len(found), "delimiters": delimiters})


async def _folders(visit: Visit) -> Step:
    visit.folders = await visit.connected.list_folders()
    uses = sorted({folder.special_use for folder in visit.folders if folder.special_use})
    selectable = sum(folder.selectable for folder in visit.folders)
    names = [folder.name for folder in visit.folders]
    seen = {"count": len(visit.folders), "selectable": selectable, "special_uses": uses, "names": names}
    reason = unread_lines(visit.connected.unreadable) or ("" if selectable else "no folder can be opened")
    return Step("folders", "warning" if reason else "ok", seen, reason=reason)


async def _examine(visit: Visit) -> Step:
    opened = visit.opened = await visit.connected.examine(INBOX)
    seen = {
        "folder": "INBOX",
        "read_only": opened.read_only,
        "messages": opened.exists,
        "uidvalidity": opened.uidvalidity,
        "uidnext": opened.uidnext,
        "highestmodseq": opened.highestmodseq,
    }
    reason = "" if opened.read_only else "the server opened INBOX read-write although read-only was asked for"
    return Step("examine", "ok" if opened.read_only else "warning", seen, reason=reason)


async def _uidvalidity(visit: Visit) -> Step:
    """Whether it is the same twice; where it is not, or missing, every pass would be a first import."""
    first = visit.opened.uidvalidity if visit.opened else None
    second = (await visit.connected.examine(INBOX)).uidvalidity
    stable = first is not None and first == second
    reason = "" if stable else "the server gives no UIDVALIDITY" if first is None else f"{first}, then {second}"
    return Step("uidvalidity", "ok" if stable else "warning", {"first": first, "second": second}, reason=reason)


async def _fetch(visit: Visit) -> Step:
    """Whether the newest message, if it is small, comes whole, and stays unseen while it is looked at."""
    exists = visit.opened.exists if visit.opened else 0
    newest = await _newest(visit) if exists else None
    if newest is None:
        return Step("fetch", "ok", {"messages": 0})
    sizes = await _sizes(visit, newest)
    visit.average_octets = statistics.fmean(sizes.values()) if sizes else None
    if sizes.get(newest, 0) > MOST_FETCHED:
        return Step("fetch", "ok", {"uid": newest, "announced": sizes[newest], "fetched": None})
    before, fetched = await _flags(visit, newest), await _body(visit, newest)
    await visit.connected.reopen()  # some servers tell a session the flags of the moment when it opened the folder
    after = await _flags(visit, newest)
    seen = {"uid": newest, "announced": sizes.get(newest), "fetched": fetched.length if fetched else None}
    if fetched is None or fetched.body is None:
        return Step("fetch", "warning", seen, reason="the server gave no body for the newest message")
    if "\\seen" in after - before:
        return Step("fetch", "warning", seen, reason="the message became read while it was looked at")
    return Step("fetch", "ok", seen)


async def _newest(visit: Visit) -> int | None:
    """The highest UID; where ``*`` alone is refused, by the listing that a sync begins with."""
    try:
        return await visit.connected.highest_uid()
    except (Refused, CommandRejected) as error:
        if not error.usable:
            raise
        return max([listing.uid async for listing in visit.connected.fetch_listing(EVERYTHING)], default=None)


async def _sizes(visit: Visit, newest: int) -> dict[int, int]:
    """Announced sizes of some of the newest messages."""
    wanted = UidSet.range(max(1, newest - SAMPLE + 1), newest)
    listings = visit.connected.fetch_listing(wanted, ("RFC822.SIZE",))
    return {listing.uid: listing.size async for listing in listings if listing.size is not None}


async def _flags(visit: Visit, uid: int) -> frozenset[str]:
    listings = visit.connected.fetch_listing(UidSet.of([uid]), ("FLAGS",))
    found = [listing.flags or () async for listing in listings]
    return frozenset(flag.lower() for flags in found for flag in flags)


async def _body(visit: Visit, uid: int) -> Fetched | None:
    found = [fetched async for fetched in visit.connected.fetch_bodies(UidSet.of([uid]))]
    for fetched in found:
        if isinstance(fetched.body, Spooled):
            fetched.body.path.unlink(missing_ok=True)
    return found[0] if found else None


async def _estimate(visit: Visit) -> Step:
    """How much mail there is: counts by STATUS, octets from the average of the newest in INBOX."""
    await visit.connected.unselect()
    opened = [folder for folder in visit.folders if folder.selectable]
    told = [await _count(visit, folder.wire) for folder in opened[:STATUS_FOLDERS]]
    counts = [count for count in told if count is not None]
    messages = sum(counts)
    octets = None if visit.average_octets is None else round(messages * visit.average_octets)
    refused = {"refused": len(told) - len(counts)} if None in told else {}
    return Step("estimate", "ok", {"messages": messages, "octets": octets, "folders_looked_at": len(counts), **refused})


async def _count(visit: Visit, wire: bytes) -> int | None:
    """How many messages; None where the server refuses to say."""
    if visit.opened and address(wire) == INBOX:
        return visit.opened.exists
    try:
        return (await visit.connected.status(wire)).messages
    except (Refused, CommandRejected):
        return None


async def _idle(visit: Visit) -> Step:
    if not visit.connected.has("IDLE"):
        return Step("idle", "ok", {"advertised": False})
    await visit.connected.examine(INBOX)
    try:
        await visit.connected.idle(IDLE_SECONDS)
    except (CommandRejected, Refused) as error:
        return Step("idle", "warning", {"advertised": True}, reason=str(error))
    return Step("idle", "ok", {"advertised": True})


async def _roundtrip(visit: Visit) -> Step:
    times = []
    for _ in range(ROUNDTRIPS):
        start = visit.clock.monotonic()
        await visit.connected.noop()
        times.append(visit.milliseconds(start))
    return Step("roundtrip", "ok", {"ms": statistics.median(times)})


STEPS: tuple[tuple[str, Callable[[Visit], Awaitable[Step]]], ...] = (
    ("namespace", _namespace),
    ("folders", _folders),
    ("examine", _examine),
    ("uidvalidity", _uidvalidity),
    ("fetch", _fetch),
    ("estimate", _estimate),
    ("idle", _idle),
    ("roundtrip", _roundtrip),
)
