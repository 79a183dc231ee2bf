"""The folder list: new, renamed, gone. A folder is addressed by its raw name and known by our id."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from services.common.errors import ConfigurationError
from services.common.events import Event, FolderCreated, FolderGone, FolderRenamed
from services.common.place import wire_text
from services.poller.domain.choose import chosen, unmatched
from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import UidSet
from services.poller.folders.news import folder_fields, vanished
from services.poller.folders.renaming import known_as
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.errors import FolderGone as NoSuchFolder
from services.poller.imap.model import Folder, FolderStatus
from services.poller.imap.names import INBOX, address
from services.poller.imap.session import Session
from services.poller.work import Work

OLD_COUNTERS = "list-tells-old-counters"
MISTRUST = timedelta(days=7)


async def wanted(work: Work, session: Session) -> list[FolderRecord]:
    """As ``refresh``, but without asking again in a run that is cut short again and again. Raises as ``refresh``."""
    run = work.memory.run
    if run.wires is None:
        records = await refresh(work, session)
        run.listed(records)
        return run.ordered(records)
    known = {record.wire: record for record in await asyncio.to_thread(work.ledger.folders, work.account.slug)}
    return run.ordered([known[wire] for wire in run.wires if wire in known])


async def refresh(work: Work, session: Session) -> list[FolderRecord]:
    """List the server's folders, follow what happened to them, and give those that are wanted.

    Raises:
        ConfigurationError: a pattern of the account fits no folder.
    """
    known = await asyncio.to_thread(work.ledger.folders, work.account.slug)
    listed = await _listed(work, session, known)
    include, exclude = _patterns(work, listed, known), work.account.settings.exclude
    wanted = {address(folder.wire): folder for folder in listed if chosen(folder, include, exclude)}
    seen, doubted = {address(folder.wire) for folder in listed}, work.memory.unlisted is not None
    unseen = [record for record in known if address(record.wire) not in seen]
    await _pass_over(work, [record for record in known if address(record.wire) in seen - wanted.keys()])
    records = await _follow(work, session, wanted, known, [] if doubted else unseen)
    if doubted:
        records += [each for each in unseen if chosen(_as_listed(each), include, exclude)]
    work.memory.statuses = await _statuses(work, records, wanted)
    return sorted(records, key=_importance)


async def _statuses(
    work: Work, records: Sequence[FolderRecord], wanted: dict[bytes, Folder]
) -> dict[str, FolderStatus]:
    """What the list tells of folders, by id; nothing for a week where it told what had been true before."""
    listed = [(record, wanted.get(address(record.wire))) for record in records]
    told = [(record, folder.status) for record, folder in listed if folder is not None and folder.status is not None]
    now = work.clock.now()
    if any(_outdated(record, status) for record, status in told):
        await asyncio.to_thread(work.ledger.note_habit, work.account.slug, OLD_COUNTERS, now)
        work.memory.habits[OLD_COUNTERS] = now
    noticed = work.memory.habits.get(OLD_COUNTERS)
    if noticed is not None and now - noticed < MISTRUST:
        return {}
    return {record.id: status for record, status in told}


def _outdated(record: FolderRecord, told: FolderStatus) -> bool:
    """Whether a folder is told with a lower UIDNEXT than it had."""
    known = record.uidvalidity is not None and record.uidvalidity == told.uidvalidity
    if not known or told.uidnext is None or record.uidnext_done is None:
        return False
    return told.uidnext < record.uidnext_done


def _patterns(work: Work, listed: Sequence[Folder], known: Sequence[FolderRecord]) -> Sequence[str]:
    """What is included. A slip of the pen is told, unless it may be the folder list that is wrong.

    Folders of a provider's profile may be hidden: where none of them is listed, all folders are retrieved.
    """
    settings, given = work.account.settings, work.account.given.get("include") or ()
    doubted = work.memory.unlisted is not None
    lost = unmatched(given if isinstance(given, tuple) else (), listed)
    if lost and not doubted:
        names = ", ".join(sorted(folder.name for folder in listed if folder.selectable)[:10])
        raise ConfigurationError(
            f"folder pattern {lost[0]!r} of account {work.account.slug} matches nothing; the server has {names}"
        )
    hidden = not given and len(unmatched(settings.include, listed)) == len(settings.include)
    return () if hidden and not (doubted and known) else settings.include


def _as_listed(record: FolderRecord) -> Folder:
    return Folder(record.wire, record.name, special_use=record.special_use)


async def _listed(work: Work, session: Session, known: Sequence[FolderRecord]) -> tuple[Folder, ...]:
    """The folder list. What is wrong with it is kept in ``unlisted``: then at least INBOX and known folders are read.

    INBOX is there whether it is listed or not (RFC 9051 section 5.1), unless STATUS says that it is not.
    """
    try:
        rich = session.has("LIST-STATUS") and not work.memory.run.thrifty
        listed = await session.list_folders(status=rich, plain=work.memory.run.thrifty)
        listed = listed or await session.list_folders(plain=True)  # a server that works has INBOX
        doubt = _doubt(session.unreadable, listed, known)
        work.memory.unlisted = Refused(doubt, usable=True) if doubt else None
    except (Refused, CommandRejected) as error:
        if not error.usable:
            raise
        listed, work.memory.unlisted = (), error
    await work.say(work.audit("list", "ok" if work.memory.unlisted is None else "failed"))
    if any(address(folder.wire) == INBOX for folder in listed):
        return listed
    try:
        status = await session.status(INBOX)
    except NoSuchFolder:
        return listed
    except (Refused, CommandRejected):
        status = None
    return (Folder(INBOX, "INBOX", special_use="\\Inbox", status=status), *listed)


def unread_lines(unreadable: int) -> str:
    """What that many lines of a folder list mean that cannot be read; "" for none."""
    told = f"{unreadable} lines of the folder list cannot be read, so folders may be missing from it"
    return told if unreadable else ""


def _doubt(unreadable: int, listed: Sequence[Folder], known: Sequence[FolderRecord]) -> str:
    """Why the folder list is not the whole truth, "" when nothing speaks against it."""
    if unreadable:
        return unread_lines(unreadable)
    others = [record for record in known if record.state == "active" and address(record.wire) != INBOX]
    if others and not listed:
        return f"the server lists no folder at all, though {len(others)} besides INBOX are known"
    return ""


async def _follow(
    work: Work,
    session: Session,
    wanted: dict[bytes, Folder],
    known: Sequence[FolderRecord],
    absent: Sequence[FolderRecord],
) -> list[FolderRecord]:
    records = {address(record.wire): record for record in known}
    for wire, folder in wanted.items():
        if wire not in records:
            record = await _newcomer(work, session, folder, absent)
            absent = [each for each in absent if each.id != record.id]
            records[wire] = record
        elif records[wire].absent_since is not None or records[wire].state != "active":
            records[wire] = await _save(work, _back(work, records[wire]))
    for record in absent:
        await _miss(work, record)
    return [records[wire] for wire in wanted]


async def _pass_over(work: Work, unwanted: Sequence[FolderRecord]) -> None:
    """Forget folders that were chosen and are not any more, where none of their mail was ever listed."""
    for record in unwanted:
        if record.uidvalidity is None:
            await _save(work, replace(record, state="gone"))


def _back(work: Work, record: FolderRecord) -> FolderRecord:
    """A folder that was absent: it may have been made anew meanwhile, so nothing that is known of it is believed."""
    work.memory.verified.pop(record.id, None)
    return replace(record, absent_since=None, state="active", full_pass_at=None)


def _importance(record: FolderRecord) -> tuple[int, str]:
    """INBOX first: it is what people wait for."""
    return (0 if record.name.upper() == "INBOX" else 1, record.name)


async def _newcomer(work: Work, session: Session, folder: Folder, absent: Sequence[FolderRecord]) -> FolderRecord:
    """A folder under a name that we do not know: an old one renamed, or a new one."""
    old = await known_as(work, session, folder, absent)
    if old is not None:
        return await _rename(work, folder, old)
    known, uidvalidity, epoch = await asyncio.to_thread(_identity, work, folder)
    record = FolderRecord(
        id=known,
        uidvalidity=uidvalidity,
        epoch=epoch,
        account=work.account.slug,
        wire=folder.wire,
        name=folder.name,
        delimiter=folder.delimiter,
        special_use=folder.special_use,
        mailboxid=folder.status.mailboxid if folder.status else None,
    )
    return await _save(work, record)


def _identity(work: Work, folder: Folder) -> tuple[str, int | None, int]:
    """Id, UIDVALIDITY and epoch of a folder without a record: as they were where only the record was lost.

    Else its mail would be there twice. Where the plain id belongs to a folder of the past, another one.
    """
    plain = folder_id(work.account.slug, folder.wire)
    lost = work.ledger.lost(work.account.slug, wire_text(folder.wire), plain)
    if lost is not None:
        return lost
    salt = work.clock.now().isoformat() if work.ledger.epochs(plain) else ""
    return folder_id(work.account.slug, folder.wire, salt), None, 1


def folder_id(account: str, wire: bytes, salt: str = "") -> str:
    """Deterministic for the first folder of a name, so that a lost database gives the same ids again."""
    return hashlib.sha256(b"\x00".join((account.encode(), wire, salt.encode()))).hexdigest()[:16]


async def _rename(work: Work, folder: Folder, record: FolderRecord) -> FolderRecord:
    sequence = work.next_sequence(record.sequence)
    renamed = replace(
        record, wire=folder.wire, name=folder.name, absent_since=None, state="active", sequence=sequence,
        special_use=folder.special_use,
    )  # fmt: skip
    event = FolderRenamed(**folder_fields(renamed), oldfolder=record.name, oldwire=wire_text(record.wire))
    await work.say(event)
    return await _save(work, renamed)


async def _miss(work: Work, record: FolderRecord) -> None:
    """Absent may be a hiccup; still absent ``vanish_confirm`` seconds later the folder is gone. Its mail stays."""
    now = work.clock.now()
    if record.absent_since is None:
        await _save(work, replace(record, absent_since=now, state="absent"))
    elif now - record.absent_since >= timedelta(seconds=work.account.settings.vanish_confirm):
        await retire(work, record)


async def retire(work: Work, record: FolderRecord) -> None:
    """Mark a folder as gone and say so."""
    await close_epoch(work, record)
    gone = replace(record, state="gone", sequence=work.next_sequence(record.sequence))
    await work.say(FolderGone(**folder_fields(gone)))
    await _save(work, gone)


async def close_epoch(work: Work, record: FolderRecord) -> int:
    """Nothing of a folder or epoch that has ended is visible any more; how many places that concerns. Copies stay."""
    ledger = await asyncio.to_thread(work.ledger.ledger, record.id, record.epoch, record.uidvalidity or 0)
    closing = ledger.listed - ledger.vanished
    if not closing:
        return 0
    closed = replace(ledger, vanished=ledger.listed, invisible=UidSet(), invisible_since=None)
    await work.say(*vanished(work, record, closing))
    await asyncio.to_thread(work.ledger.save_ledger, record.id, record.epoch, closed)
    return len(closing)


async def introduce(work: Work, record: FolderRecord) -> FolderRecord:
    """Say that a folder was seen for the first time, now that its UIDVALIDITY is known."""
    sequence = work.next_sequence(record.sequence)
    known = replace(record, sequence=sequence)
    event: Event = FolderCreated(**folder_fields(known), delimiter=known.delimiter, specialuse=known.special_use)
    await work.say(event)
    return known


async def _save(work: Work, record: FolderRecord) -> FolderRecord:
    await asyncio.to_thread(work.ledger.save_folder, record)
    return record


def successor(record: FolderRecord, now_text: str) -> FolderRecord:
    """A new folder that took the name of an old one (re-created with the same UIDVALIDITY): another id."""
    return FolderRecord(
        id=folder_id(record.account, record.wire, now_text),
        account=record.account,
        wire=record.wire,
        name=record.name,
        delimiter=record.delimiter,
        special_use=record.special_use,
    )
