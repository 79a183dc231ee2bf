"""Responses of one UID FETCH, and the bytes that they are made of, without a connection."""

from itertools import permutations
from pathlib import Path

import pytest

from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import LiteralTooLarge, ResponseTooLarge
from services.poller.imap.events import EventLog
from services.poller.imap.framing import Framer
from services.poller.imap.merging import Found, Merger, items_of, merge
from services.poller.imap.model import Limits, Listing, Spooled
from services.poller.imap.tokens import Part

ITEMS = ("UID", "FLAGS", "RFC822.SIZE", "BODY.PEEK[]")
SEEN = (b"* 1 FETCH (UID 7 FLAGS (\\Seen))",)
SIZE = (b"* 1 FETCH (UID 7 RFC822.SIZE 5)",)
BODY = (b"* 1 FETCH (UID 7 BODY[] {5}", b"hello", b")")


def whole(uid: int, body: Part) -> list[Part]:
    return [b"* 1 FETCH (UID %d FLAGS () RFC822.SIZE 5 BODY[] {5}" % uid, body, b")"]


def told(*frames: list[Part], part: UidSet = UidSet.range(1, 9)) -> tuple[list[Found], EventLog]:
    events = EventLog()
    merger = Merger(ITEMS, part, events)
    return [*merger.take(frames), *merger.rest()], events


@pytest.mark.parametrize("order", list(permutations((SEEN, SIZE, BODY))))
def test_a_message_is_given_once_when_all_that_was_asked_for_is_there(order: tuple[tuple[bytes, ...], ...]) -> None:
    found, events = told(*map(list, order))
    assert found == [Found(Listing(7, ("\\Seen",), size=5), b"hello", has_body=True)]
    assert not events.changed


def test_a_listing_in_any_order_is_given_at_once() -> None:
    merger = Merger(("UID", "FLAGS", "RFC822.SIZE"), UidSet.range(1, 9), EventLog())
    given = merger.take([[b"* 1 FETCH (RFC822.SIZE 5 FLAGS (\\Seen) UID 7)"]])
    assert next(given).listing == Listing(7, ("\\Seen",), size=5)


def test_of_many_bodies_few_bytes_are_kept_and_a_second_one_is_known_all_the_same() -> None:
    bodies = {uid: bytes([uid]) * (1 << 20) for uid in (1, 2, 3)}
    merger = Merger(ITEMS, UidSet.range(1, 9), EventLog())
    found = list(merger.take([whole(uid, body) for uid, body in bodies.items()]))
    assert [each.body for each in found] == list(bodies.values())
    assert [isinstance(mark, bytes) for mark in merger._seen.values()] == [True, True, False]
    again = [*merger.take([whole(3, bytes([3]) * (1 << 20))]), *merger.take([whole(3, b"other")])]
    assert [(each.body, each.conflict) for each in again] == [(b"other", True)]


def test_flags_that_come_twice_are_the_last_ones() -> None:
    assert merge({"UID": "7", "FLAGS": ["a"]}, {"UID": "7", "FLAGS": ["b"]}) == {"UID": "7", "FLAGS": ["b"]}


def test_what_was_not_asked_for_is_news_without_a_body_and_left_out_with_one() -> None:
    found, events = told([b"* 1 FETCH (UID 12 FLAGS (\\Seen))"], whole(12, b"hello"), [b"* 1 FETCH (FLAGS ())"])
    assert found == []
    assert (events.flagged, events.ignored) == (True, 2)


def spooled(folder: Path, data: bytes, number: int) -> Spooled:
    path = folder / str(number)
    path.write_bytes(data)
    return Spooled(path, len(data), data.hex())


@pytest.mark.parametrize(("second", "conflict"), [(b"hello", False), (b"world", True)])
def test_a_second_body_in_a_file_is_removed_or_told(tmp_path: Path, second: bytes, conflict: bool) -> None:
    first, other = spooled(tmp_path, b"hello", 1), spooled(tmp_path, second, 2)
    found, _ = told(whole(7, first), whole(7, other))
    assert [each.conflict for each in found] == [False, *[True] * conflict]
    assert [path.exists() for path in (first.path, other.path)] == [True, conflict]


@pytest.mark.parametrize(
    ("bodies", "kept", "conflict"),
    [
        ((b"hello", b"hello"), b"hello", False),
        ((b"hello", b"world"), b"hello", True),
        ((b"", b"world"), b"world", False),
        ((b"hello", b""), b"hello", False),
    ],
)
def test_of_two_bodies_before_the_flags_the_first_that_is_not_empty_stays(
    tmp_path: Path, bodies: tuple[bytes, bytes], kept: bytes, conflict: bool
) -> None:
    frames: list[list[Part]] = [[BODY[0], body, b")"] for body in bodies]
    assert told(*frames, list(SEEN), list(SIZE))[0] == [
        Found(Listing(7, ("\\Seen",), size=5), kept, has_body=True, conflict=conflict)
    ]
    files = [spooled(tmp_path, b"hello", 1), spooled(tmp_path, b"hello", 2)]
    (found,), _ = told(*[[BODY[0], file, b")"] for file in files], list(SEEN), list(SIZE))
    assert (found.body, found.conflict, [file.path.exists() for file in files]) == (files[0], False, [True, False])


@pytest.mark.parametrize(
    ("behind", "is_read"),
    [
        (b")", True),
        (b" FLAGS (\\Seen))", True),
        (b" X-GM-MSGID 5 flags ())", True),
        (b" and more)", False),
        (b" 12 34)", False),
        (b" FLAGS)", False),
        (b" FLAGS () more words)", False),
        (b") (UID 8)", False),
    ],
)
def test_a_message_that_goes_on_behind_its_literal_is_not_read(behind: bytes, is_read: bool) -> None:
    assert (items_of([b"* 1 FETCH (UID 7 BODY[] {5}", b"hello", behind]) is not None) == is_read


def test_what_was_left_out_at_both_ends_is_asked_for_again() -> None:
    merger = Merger(ITEMS, UidSet.range(1, 9), EventLog())
    assert merger.outside() == UidSet.of(())
    list(merger.take([whole(3, b"hello"), whole(5, b"hello")]))
    assert merger.outside() == UidSet.parse("1:2,6:9")


def framed(data: bytes, limits: Limits, step: int) -> list[list[Part]]:
    got: list[list[Part]] = []
    framer = Framer(limits, lambda parts, _size: got.append(parts))
    try:
        for at in range(0, len(data), step):
            framer.feed(data[at : at + step])
    finally:
        framer.drop()
    return got


LITERAL = b"* 1 FETCH (UID 7 BODY[] {11}\r\nhello world)\r\n"


@pytest.mark.parametrize("step", [1, len(LITERAL)])
def test_a_literal_above_the_cap_is_refused_however_it_arrives(step: int) -> None:
    whole_one: list[Part] = [b"* 1 FETCH (UID 7 BODY[] {11}", b"hello world", b")"]
    assert framed(LITERAL, Limits(max_literal=11, spool_above=100), step) == [whole_one]
    with pytest.raises(LiteralTooLarge) as caught:
        framed(LITERAL, Limits(max_literal=10, spool_above=100), step)
    assert (caught.value.announced, caught.value.uid) == (11, 7)


def test_literals_in_files_are_bounded_together(tmp_path: Path) -> None:
    limits = Limits(max_literal=20, spool_above=5, spool_folder=tmp_path)
    twice = b"* 1 FETCH (UID 7 BODY[1] {11}\r\nhello world BODY[2] {11}\r\nhello world)\r\n"
    with pytest.raises(ResponseTooLarge, match="more than 20 bytes"):
        framed(twice, limits, len(twice))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(framed(LITERAL * 2, limits, 7)) == 2


@pytest.mark.parametrize("line", [b"* OK said {5}", b"A1 NO why {3}", b"+ go on {2}"])
@pytest.mark.parametrize("step", [1, 100])
def test_text_for_people_announces_no_literal(line: bytes, step: int) -> None:
    assert framed(line + b"\r\n* 1 EXISTS\r\n", Limits(), step) == [[line], [b"* 1 EXISTS"]]


def test_each_response_is_measured_by_itself() -> None:
    line = b"* LIST () NIL " + b"x" * 80 + b"\r\n"
    assert len(framed(line * 5, Limits(response=100), 7)) == 5
    with pytest.raises(ResponseTooLarge, match="more than 90 bytes"):
        framed(line, Limits(response=90), 7)
