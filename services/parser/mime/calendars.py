"""Invitations (RFC 5545, RFC 5546) as digests: who, when, where, and what is asked."""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.common.email import CalendarDigest

TYPES = frozenset({"text/calendar", "application/ics", "text/x-vcalendar", "text/vcalendar"})
_START = re.compile(r"(?im)^BEGIN:VCALENDAR[ \t]*\r?$")
_END = re.compile(r"(?im)^END:VCALENDAR[ \t]*\r?$")
_READ = (
    "BEGIN|END|METHOD|UID|SUMMARY|LOCATION|DESCRIPTION|DTSTART|DTEND|DUE|ORGANIZER|ATTENDEE|SEQUENCE|STATUS"
    "|TZID|TZNAME|TZOFFSETFROM|TZOFFSETTO|RRULE|RDATE"
)
_UNREAD = re.compile(rf"(?im)^(?!(?:{_READ})[;:])[^\s].*+(?:\r?\n[ \t].*+)*\r?\n?")
_ZONE_START = re.compile(r"(?im)^BEGIN:VTIMEZONE[ \t]*\r?$")
_ZONE_END = re.compile(r"(?im)^END:VTIMEZONE[ \t]*\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]")
_ZONED_UTC = re.compile(r"(?im)^(DTSTART|DTEND|DUE);TZID=(?:\"[^\"\r\n]*+\"|[^:\"\r\n]*+):(?=\d{8}T\d{6}Z)")
_BLANKS_AT_END = re.compile(r"(?<![ \t])[ \t]++(?=\r?$)", re.MULTILINE)
_KINDS = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY")
_LIMIT = 64 * 1024
_MOST = 100
_TEXT = 4_000
_ATTENDEES = 1_000
_FEW_ATTENDEES = 100
_LONG_LINE = 8_000
_UNSEEN = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000)])


@dataclass(frozen=True, slots=True)
class Calendar:
    """The digests of one object, one per UID, the codes of what was odd, and how many characters were read."""

    digests: tuple[CalendarDigest, ...] = ()
    defects: tuple[str, ...] = ()
    size: int = 0


def unfolded(data: bytes) -> bytes:
    """Octets with folded lines joined (RFC 5545 section 3.1): a fold may stand inside a character."""
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data if b"\0" in data else _FOLD.sub(b"", data)


def is_calendar(media_type: str, name: str | None) -> bool:
    """True for the calendar types, and for files called .ics whatever their type."""
    return media_type in TYPES or (name or "").lower().endswith(".ics")


def read(text: str, part: str, declared_method: str | None = None, limit: int = _LIMIT) -> Calendar:
    """What the calendar object in ``text`` says; ``declared_method`` is the parameter of its Content-Type.

    At most 64 KiB without attachments, ``limit`` if that is less, and at most 100 components are read; of a longer
    object 100 attendees of each.
    Never raises: what cannot be read gives no digest and ``calendar.unreadable``. A method that differs from the
    declared one is ``calendar.method-mismatch`` (RFC 6047 section 2.4), and the object's own counts.
    """
    found, defects, size = _object(text, min(limit, _LIMIT))
    if found is None:
        return Calendar((), (*defects, "calendar.unreadable"), size)
    own = _text(found.get("METHOD"))
    declared = (declared_method or "").strip().upper() or None
    if own and declared and own.upper() != declared:
        defects.append("calendar.method-mismatch")
    method = own.upper() if own else declared
    digests: dict[str, CalendarDigest] = {}
    components = [component for component in found.subcomponents if component.name in _KINDS]
    if len(components) > _MOST or any(len(_people(component)) > _ATTENDEES for component in components):
        defects.append("limit.calendar")
    for number, component in enumerate(components[:_MOST]):
        digest = _digest(component, part, method)
        digests.setdefault(digest.uid or f" {number}", digest)
    return Calendar(tuple(digests.values()), tuple(dict.fromkeys(defects)), size)


def merged(calendars: Iterable[Calendar]) -> tuple[CalendarDigest, ...]:
    """Digests of several parts, the first of each UID: senders attach what they also show as alternative."""
    chosen: dict[tuple[str | None, str], CalendarDigest] = {}
    for digest in (digest for calendar in calendars for digest in calendar.digests):
        chosen.setdefault((digest.uid, "" if digest.uid else digest.part), digest)
    return tuple(chosen.values())


def as_text(digest: CalendarDigest) -> str:
    """Summary, place and description in lines: the text of an invitation that has none."""
    return "\n".join(filter(None, (digest.summary, digest.location, digest.description)))


def _object(text: str, limit: int) -> tuple[Any, list[str], int]:
    """The first calendar object in the text, read by icalendar, and its size; None when it refuses."""
    start = _START.search(text)
    if start is None:
        return None, [], 0
    end = _END.search(text, start.end())
    body = _UNREAD.sub("", text[start.start() : end.end() if end else start.start() + 64 * _LIMIT])
    body = _ZONED_UTC.sub(r"\1:", _BLANKS_AT_END.sub("", body))
    defects = [] if end else ["calendar.unfinished"]
    if len(body) > limit:
        body, defects = _within(_shortened(body), limit), [*defects, "limit.calendar"]
    if defects:
        body = _closed(body)
    found = _parsed(body)
    if found is None and (rest := _without_zones(body)) != body:
        return _parsed(rest), [*defects, "calendar.zone-damaged"], len(body)
    return found, defects, len(body)


def _shortened(body: str) -> str:
    """Without what makes one invitation long: the end of long texts, and all but the first attendees of each."""
    kept: list[str] = []
    attendees, dropped = 0, False
    for line in body.split("\n"):
        if line[:1] not in {" ", "\t"}:
            name = line[:8].upper()
            attendees = 0 if name.startswith("BEGIN:") else attendees + (name == "ATTENDEE")
            dropped = name == "ATTENDEE" and attendees > _FEW_ATTENDEES
        if not dropped:
            kept.append(line if len(line) <= _LONG_LINE else line[:_LONG_LINE].rstrip("\\\r"))
    return "\n".join(kept)


def _within(body: str, limit: int) -> str:
    """The components that stay below the limit."""
    return body if len(body) <= limit else body[: body.rfind("\nBEGIN:", 0, limit) + 1]


def _parsed(body: str) -> Any:
    from icalendar import Calendar as Parser  # noqa: PLC0415 - 70 ms that only invitations should cost
    from icalendar.error import GloballyUniqueTZIDGuessed  # noqa: PLC0415

    warnings.filterwarnings("ignore", category=GloballyUniqueTZIDGuessed)  # it would put mail into the log
    try:
        return Parser.from_ical(body.replace("\0", ""))
    except Exception:  # a library on outside octets: whatever it raises, the mail goes on
        return None


def _without_zones(body: str) -> str:
    """The object without its zone rules: a damaged one should cost no invitation."""
    first, *rest = _ZONE_START.split(body)
    return "".join([first, *[_ZONE_END.split(piece, 1)[-1] for piece in rest]])


def _closed(body: str) -> str:
    """The object with an END for each component that lacks one."""
    open_names: list[str] = []
    for line in body.splitlines():
        word, _, name = line.strip().upper().partition(":")
        if word == "BEGIN":
            open_names.append(name)
        elif word == "END" and open_names and open_names[-1] == name:
            open_names.pop()
    ends = "".join(f"END:{name}\r\n" for name in reversed(open_names))
    return f"{body.rstrip()}\r\n{ends}"


def _digest(component: Any, part: str, method: str | None) -> CalendarDigest:
    return CalendarDigest(
        part=part,
        method=method,
        uid=_text(component.get("UID")),
        summary=_text(component.get("SUMMARY")),
        location=_text(component.get("LOCATION")),
        description=_text(component.get("DESCRIPTION")),
        start=_moment(component.get("DTSTART")),
        end=_moment(component.get("DTEND")) or _moment(component.get("DUE")),
        organizer=_address(component.get("ORGANIZER")),
        attendees=tuple(filter(None, map(_address, _people(component)[:_ATTENDEES]))),
        sequence=_whole(component.get("SEQUENCE")),
        status=_text(component.get("STATUS")),
    )


def _people(component: Any) -> list[Any]:
    return _many(component.get("ATTENDEE"))


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str | None:
    first = next(iter(_many(value)), None)
    if first is None:
        return None
    return str(first).translate(_UNSEEN).strip()[:_TEXT] or None


def _moment(value: Any) -> str | None:
    """ISO 8601: with the offset where the zone is known, without one for floating time, a date for whole days."""
    try:
        moment = getattr(next(iter(_many(value)), None), "dt", None)
        return moment.isoformat() if isinstance(moment, datetime | date) else None
    except Exception:  # a broken property raises when it is looked at, an odd zone when it is shown
        return None


def _address(value: Any) -> str | None:
    text = _text(value)
    if text is None:
        return None
    return (text[7:] if text[:7].lower() == "mailto:" else text) or None


def _whole(value: Any) -> int | None:
    """A number that fits 53 bits, so that every JSON reader keeps it."""
    text = _text(value) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
