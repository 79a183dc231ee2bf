"""Sizes that the server declares: only large ones matter, and none is believed where it would cost a message."""

import contextlib

from services.poller.domain.uidset import UidSet
from services.poller.fetching.bodies import Errand
from services.poller.fetching.suspecting import suspect
from services.poller.imap.errors import CommandRejected, Refused


async def without_large(errand: Errand, part: UidSet) -> UidSet:
    """Those that may be asked for in groups. One truly above the limit is quarantined unasked."""
    run = errand.work.memory.run
    if run.thrifty:
        large = {uid for uid in run.large(errand.key) if uid in part}
    else:
        large = await _declared_large(errand, part)
        run.sized(errand.key, large)
    errand.large |= large
    return part - UidSet.of(large)


async def _declared_large(errand: Errand, part: UidSet) -> set[int]:
    settings = errand.work.account.settings
    most = min(settings.batch_bytes, settings.max_message_bytes)
    large = {uid: size for uid, size in (await _sizes(errand, part)).items() if size > most}
    for uid, size in large.items():
        if size > settings.max_message_bytes and await _is_too_large(errand, uid):
            detail = f"{size} octets, {settings.max_message_bytes} allowed: raise max_message_bytes"
            await suspect(errand.work, errand.record, uid, "too-large", detail, final=True)
            errand.settled.add(uid)
    return set(large)


async def _sizes(errand: Errand, part: UidSet) -> dict[int, int]:
    """What was or is told of the sizes of these; once it is refused, no more is asked on this connection."""
    sizes = {uid: size for uid, size in errand.told.items() if uid in part}
    unknown = part - UidSet.of(sizes)
    if errand.session.tells_sizes and unknown:
        try:
            async for listing in errand.session.fetch_listing(unknown, ("RFC822.SIZE",)):
                if listing.size is not None:
                    sizes[listing.uid] = listing.size
        except (Refused, CommandRejected):  # sizes only help; a literal has a limit of its own
            errand.session.tells_sizes = False
    return sizes


async def _is_too_large(errand: Errand, uid: int) -> bool:
    """Whether there is an octet beyond the limit.

    Asked once: where a piece is refused or ends the connection, the literal says it when the message is fetched.
    """
    memory, key = errand.work.memory, (*errand.key, uid)
    if key in memory.probed:
        return False
    memory.probed.add(key)
    memory.steps += 1
    with contextlib.suppress(Refused, CommandRejected):
        return bool(await errand.session.fetch_piece(uid, errand.work.account.settings.max_message_bytes, 1))
    return False
