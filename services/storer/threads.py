"""Which messages belong together: by Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4). Pure.

Every id that was seen, as a message's own or as one it refers to, belongs to one thread; a message that names ids
of two threads makes them one. So replies find each other before their parent arrives, and a late parent
joins what it started.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from services.common.events import EmailParsed
from services.common.message.search_text import TEXT_KEPT

INDEXED_OCTETS = 1_000  # B-tree entries are limited to 2,704 octets; a longer Message-ID or address is noise
_USUAL_TEXT = 8_000  # characters
Ref = tuple[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Threads:
    """``of``: thread of each id. ``merged``: ceased threads and their successors. ``fresh``: ids not yet known."""

    of: Mapping[Ref, int]
    merged: Mapping[int, int]
    fresh: tuple[Ref, ...]


def cut(text: str) -> str:
    """A Message-ID or an address as it is stored and indexed."""
    return text.encode(errors="ignore")[:INDEXED_OCTETS].decode(errors="ignore").replace("\x00", "")


def refs(event: EmailParsed) -> list[Ref]:
    """Own id, root and parent: enough to join a thread, and bounded whatever a sender puts into References."""
    email = event.email
    own, replied, references = email.message_id or (), email.in_reply_to or (), email.references or ()
    named = dict.fromkeys(cut(each) for each in (*own[:1], *references[:1], *references[-1:], *replied[:1]))
    return [(event.place.account, each) for each in named if each]


def join(
    mails: Iterable[list[Ref]],
    known: Mapping[Ref, int],
    new_ids: Iterable[int],
    sizes: Mapping[int, int] = MappingProxyType({}),
) -> Threads:
    """Threads of some mails, given what is ``known`` of their ids; ``new_ids`` gives numbers for new threads.

    Of threads that become one the largest stays by ``sizes``, else the one that began first: so a row is moved a few
    times at most, however many threads its own takes up.
    """
    groups = _groups(mails)
    supply = iter(new_ids)
    parents: dict[int, int] = {}
    chosen: dict[Ref, int] = {}
    for group in groups:
        old = {known[ref] for ref in group if ref in known}
        tops = {_top(parents, parents.setdefault(thread, thread)) for thread in old}
        kept = max(tops, key=lambda thread: (sizes.get(thread, 0), -thread)) if tops else next(supply)
        parents |= dict.fromkeys(tops, kept)
        chosen |= dict.fromkeys(group, kept)
    merged = {thread: _top(parents, thread) for thread in parents if _top(parents, thread) != thread}
    of = {ref: merged.get(thread, thread) for ref, thread in chosen.items()}
    return Threads(of, merged, tuple(ref for ref in of if ref not in known))


def parts(events: Sequence[EmailParsed], size: int) -> list[list[EmailParsed]]:
    """Events in parts of about ``size``, to be written side by side; those that share an id are in the same part.

    So are those that share a place or their content: of a place the last one counts.

    A long text counts as several events: the words of its index take most of the time of a statement.

    Two writers that name the same id wait for each other, and then merge the threads that both began. Measured on a
    synthetic mailbox cut by position: more than every second part waited and merged.
    """
    mails = [_written(event) for event in events]
    group_of = {ref: number for number, group in enumerate(_groups(mails)) for ref in group}
    together: dict[int, list[EmailParsed]] = {}
    for event, mail in zip(events, mails, strict=True):
        together.setdefault(group_of[mail[0]], []).append(event)
    filled: list[list[EmailParsed]] = []
    room = 0
    for group in together.values():
        if room <= 0:
            filled.append([])
            room = size
        filled[-1] += group
        room -= sum(map(_weight, group))
    return filled


def _written(event: EmailParsed) -> list[Ref]:
    """What only one transaction at a time may write."""
    place = event.place
    content = (f"{place.account}/", event.contentsha256)
    where = (f"{place.folderid}/{place.uidvalidity}", f"{place.uid}")
    return [*refs(event), content, where]


def _weight(event: EmailParsed) -> int:
    """How many usual messages have as many words."""
    email = event.email
    texts = (email.body_values[part.part_id].value for part in email.text_body if part.part_id in email.body_values)
    length = len(email.mailweir.derived_text or "") or sum(map(len, texts))
    return 1 + min(length, TEXT_KEPT) // _USUAL_TEXT


def _groups(mails: Iterable[list[Ref]]) -> list[list[Ref]]:
    """Ids that mails name together, joined over common ids."""
    parents: dict[Ref, Ref] = {}
    for mail in mails:
        tops = [_top(parents, parents.setdefault(ref, ref)) for ref in mail]
        for top in tops:
            parents[top] = tops[0]
    groups: dict[Ref, list[Ref]] = {}
    for ref in parents:
        groups.setdefault(_top(parents, ref), []).append(ref)
    return list(groups.values())


def _top(parents: dict[T, T], each: T) -> T:
    """The end of the way up; the way is shortened for the next one."""
    while parents[each] != each:
        above = parents[parents[each]]
        parents[each] = above
        each = above
    return each
