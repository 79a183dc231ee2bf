"""What is certain to be asked for after the sign-in, to be sent at once: each round trip takes as long as the way is.

Only to servers with ENABLE (RFC 5161): those of which trouble is known have nothing so new, and are asked one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.poller.imap.exchange import Line
from services.poller.imap.folders import examine_line, list_line, list_options
from services.poller.imap.introduce import enable_line, id_line
from services.poller.imap.names import INBOX

SIGN = "ENABLE"


@dataclass(frozen=True, slots=True)
class Foresight:
    """``fields``: of ID, None where it is not sent. ``inbox``: whether it is opened after the folders were listed."""

    fields: Mapping[str, str] | None = None
    inbox: bool = False


def lines(foresight: Foresight, capabilities: frozenset[str]) -> list[Line]:
    """ID, ENABLE, LIST and EXAMINE as ``Session`` is going to send them; none for a server without ``SIGN``."""
    if SIGN not in capabilities:
        return []
    first = [id_line(foresight.fields)] if foresight.fields and "ID" in capabilities else []
    enabled = [enable_line(["QRESYNC"])] if "QRESYNC" in capabilities else []
    opened = [examine_line(INBOX, condstore_of(capabilities))] if foresight.inbox else []
    return [*first, *enabled, list_line(list_options(capabilities, with_status=True)), *opened]


def condstore_of(capabilities: frozenset[str]) -> bytes | None:
    """The argument of EXAMINE where it is offered."""
    return b"(CONDSTORE)" if "CONDSTORE" in capabilities else None
