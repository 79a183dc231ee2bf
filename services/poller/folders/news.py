"""What is said of a folder. Of many messages it is said in several events: each has to fit a record and be used."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from services.common.events import FlagsChanged, MessagesReturned, MessagesVanished
from services.common.place import wire_text
from services.poller.domain.flags import grouped, packed
from services.poller.domain.state import FlagSets, FolderRecord
from services.poller.domain.uidset import UidSet
from services.poller.work import Work

MOST_UIDS = 40_000  # as text 880 kB where each stands alone; a record holds 1 MB


def folder_fields(record: FolderRecord) -> dict[str, Any]:
    """Fields that every event about a folder has."""
    return {
        "account": record.account,
        "folderid": record.id,
        "folder": record.name,
        "wire": wire_text(record.wire),
        "uidvalidity": record.uidvalidity or 0,
        "sequence": record.sequence,
    }


def vanished(work: Work, record: FolderRecord, uids: UidSet, *, confirmed: bool = True) -> Iterator[MessagesVanished]:
    """Say that these are gone, or not ``confirmed``: out of sight."""
    for part in uids.chunks(MOST_UIDS):
        yield MessagesVanished(**_numbered(work, record), uids=part.text(), confirmed=confirmed)


def returned(work: Work, record: FolderRecord, uids: UidSet) -> Iterator[MessagesReturned]:
    """Say that these are there again."""
    for part in uids.chunks(MOST_UIDS):
        yield MessagesReturned(**_numbered(work, record), uids=part.text())


def flagged(
    work: Work, record: FolderRecord, flags: FlagSets, uids: UidSet, *, labelled: bool
) -> Iterator[FlagsChanged]:
    """Say the flags of these as they are now, and the labels where the server has any."""
    for part in uids.chunks(MOST_UIDS):
        for changes in packed(grouped(flags, part, labelled=labelled)):
            yield FlagsChanged(**_numbered(work, record), changes=changes)


def _numbered(work: Work, record: FolderRecord) -> dict[str, Any]:
    """Those of an event with a number of its own: of two with the same, the second would change nothing."""
    return folder_fields(replace(record, sequence=work.next_sequence(record.sequence)))
