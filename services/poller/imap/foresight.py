"""What is certain to be asked for after the sign-in, to be sent at once: each round trip takes as long as the way is.

Only to servers with ENABLE (RFC 5161): those of which trouble is known have nothing so new, and are asked one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.poller.domain.uidset import UidSet
from services.poller.imap.exchange import Line
from services.poller.imap.fetching import EVERYTHING, listing_line
from services.poller.imap.folders import examine_line, list_line, list_options
from services.poller.imap.introduce import enable_line, id_line
from services.poller.imap.model import Folder
from services.poller.imap.names import INBOX
from services.poller.imap.protocol import Connection

SIGN = "ENABLE"


@dataclass(frozen=True, slots=True)
class Foresight:
    """``fields``: of ID, None where it is not sent. ``inbox``: whether it is opened after the folders were listed.

    ``items``: what its messages are listed with where it has at most ``most``.
    """

    fields: Mapping[str, str] | None = None
    inbox: bool = False
    items: Sequence[str] = ()
    most: int = 0


def lines(foresight: Foresight, capabilities: frozenset[str]) -> list[Line]:
    """ID, ENABLE, LIST and EXAMINE as ``Session`` is going to send them; none for a server without ``SIGN``."""
    if SIGN not in capabilities:
        return []
    first = [id_line(foresight.fields)] if foresight.fields and "ID" in capabilities else []
    enabled = [enable_line(["QRESYNC"])] if "QRESYNC" in capabilities else []
    opened = [examine_line(INBOX, condstore_of(capabilities))] if foresight.inbox else []
    return [*first, *enabled, list_line(list_options(capabilities, with_status=True)), *opened]


def list_ahead(connection: Connection, foresight: Foresight | None, folders: Sequence[Folder]) -> None:
    """Send the listing of INBOX behind its EXAMINE that is on its way, while the folders are looked through."""
    ahead = connection.flight.ahead
    if foresight is None or [each.name for each in ahead] != ["EXAMINE"]:
        return
    counts = [each.status.messages for each in folders if each.wire == INBOX and each.status is not None]
    if any(count is not None and 0 < count <= foresight.most for count in counts):
        connection.send_ahead([listing_line(EVERYTHING, foresight.items, frozenset(connection.capabilities))])


def open_ahead(connection: Connection, examine: Line, uids: UidSet, items: Sequence[str]) -> None:
    """Send EXAMINE and the listing behind it, unless something is on its way already."""
    if uids and not connection.flight.ahead:
        connection.send_ahead([examine, listing_line(uids, items, frozenset(connection.capabilities))])


def condstore_of(capabilities: frozenset[str]) -> bytes | None:
    """The argument of EXAMINE where it is offered."""
    return b"(CONDSTORE)" if "CONDSTORE" in capabilities else None
