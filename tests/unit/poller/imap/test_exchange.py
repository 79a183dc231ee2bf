"""One command and what came for it: what may be read, what is too much, and what may be sent at all."""

import pytest

from services.poller.imap.encode import LiteralArgument
from services.poller.imap.errors import ResponseTooLarge
from services.poller.imap.exchange import Exchange, Line, made, response_caps
from services.poller.imap.flight import Flight, plain
from services.poller.imap.folders import list_options, status_items
from services.poller.imap.model import Limits
from services.poller.imap.responses import Status, status

FETCH = frozenset({b"FETCH"})
WHOLE, LINE = [b"* 1 FETCH (UID 1 BODY[] {1}", b"x", b")"], [b"* 1 FETCH (UID 1)"]


def done() -> Status:
    found = status(b"OK done")
    assert found is not None
    return found


def exchange(name: str = "UID FETCH", wants: frozenset[bytes] = FETCH, tag: bytes = b"A1") -> Exchange:
    return Exchange(name, tag, wants, 2, 100)


def test_the_last_message_of_an_answer_waits_until_it_cannot_be_cut_any_more():
    one = exchange()
    one.take(LINE, 10)
    one.take(list(WHOLE), 30)
    assert one.queued > 40
    assert one.ready(ended=False) == [LINE]
    assert (one.ready(ended=False), one.queued) == ([], 0)
    one.stray(ends_an_answer=False)
    assert one.ready(ended=True) == [WHOLE]
    one.take(list(WHOLE), 30)
    one.answer(done())
    assert one.ready(ended=False) == [WHOLE]
    assert one.ready(ended=True) == []


def test_a_message_that_goes_on_behind_its_literal_is_made_unreadable_and_a_line_is_not():
    one = exchange()
    one.stray(ends_an_answer=True)
    one.take(LINE.copy(), 10)
    one.stray(ends_an_answer=True)
    one.take(list(WHOLE), 10)
    one.stray(ends_an_answer=True)
    assert one.ready(ended=True) == [LINE, [*WHOLE, b""]]


def test_what_comes_behind_the_answer_to_examine_is_news_of_the_folder():
    for name, left in (("EXAMINE", frozenset()), ("UID FETCH", FETCH)):
        one = exchange(name)
        assert one.fetches
        one.answer(done())
        assert (one.wants, one.fetches) == (left, bool(left))


def test_an_answer_ends_at_its_bounds():
    for lines in ((50, 50), (100, 0)):
        one = exchange()
        for line in lines:
            one.count(line)
    with pytest.raises(ResponseTooLarge, match=r"UID FETCH has no end \(3 responses\)"):
        one.count(0)
    with pytest.raises(ResponseTooLarge, match=r"\(1 responses\)"):
        exchange().count(101)


def test_bounds_grow_with_the_folder_where_its_messages_are_asked_for():
    limits = Limits(items=1_000, response=5_000)
    assert response_caps("UID FETCH", 10, limits) == (1_040, 15_240)
    assert response_caps("UID FETCH", 10**12, limits) == (80_001_000, 5_000 + 1024 * 20_000_000)
    assert response_caps("NOOP", 10**12, limits) == (1_000, 5_000)
    wide = Limits(items=10**9, response=5_000)
    assert response_caps("LIST", 10, wide) == response_caps("EXAMINE", 10, wide) == (200_000, 5_000)
    assert response_caps("NOOP", 10, wide) == (20_040, 5_000)
    assert response_caps("UID SEARCH", 0, wide) == (20_000, 5_000)


@pytest.mark.parametrize(
    ("name", "state", "why"),
    [
        ("SELECT", "AUTH", "not a read-only"),
        ("UID STORE", "SELECTED", "not a read-only"),
        ("CLOSE", "SELECTED", "not a read-only"),
        ("UID FETCH", "AUTH", "in state AUTH"),
        ("EXAMINE", "NONAUTH", "in state NONAUTH"),
    ],
)
def test_what_changes_mail_or_comes_too_early_is_never_sent(name, state, why):
    with pytest.raises(AssertionError, match=why):
        made(Line(name, [], frozenset()), b"A1", state, 0, Limits())


def test_a_command_that_reads_is_sent_with_the_bounds_of_its_folder():
    line = Line("UID FETCH", [b"1"], FETCH)
    assert made(line, b"A7", "SELECTED", 10, Limits(items=5)) == Exchange(
        "UID FETCH", b"A7", FETCH, *response_caps("UID FETCH", 10, Limits(items=5))
    )
    assert made(Line("ID", [], frozenset()), b"A1", "NONAUTH", 0, Limits()).name == "ID"


def test_what_was_sent_ahead_is_answered_in_its_order():
    first, second = exchange(tag=b"A1"), exchange("NOOP", frozenset(), b"A2")
    third = exchange(tag=b"A3")
    flight = Flight(first)
    assert (flight.answered(), flight.overtaken) == (first, False)
    flight.ahead.extend((second, third))
    assert (flight.answered(), flight.taker(b"FETCH"), flight.taker(b"LIST")) == (first, first, None)
    assert (flight.tagged(b"A3"), flight.tagged(b"A9"), flight.overtaken) == (third, None, True)
    first.answer(done())
    assert (flight.answered(), flight.taker(b"FETCH"), flight.tagged(b"A1")) == (second, third, None)
    for each in (second, third):
        each.answer(done())
    assert (flight.answered(), flight.taker(b"FETCH"), flight.overtaken) == (first, first, False)


def test_a_command_with_a_literal_is_not_sent_ahead():
    assert plain(Line("EXAMINE", [b'"INBOX"'], frozenset())) == b'EXAMINE "INBOX"\r\n'
    assert plain(Line("EXAMINE", [LiteralArgument(b"\xff")], frozenset())) is None


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ((), b""),
        (("SPECIAL-USE", "LIST-STATUS"), b""),
        (("LIST-EXTENDED",), b""),
        (("LIST-EXTENDED", "SPECIAL-USE"), b"(SPECIAL-USE)"),
        (
            ("IMAP4REV2", "SPECIAL-USE", "LIST-STATUS"),
            b"(SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN))",
        ),
    ],
)
def test_a_list_asks_for_what_is_offered(capabilities, expected):
    assert list_options(frozenset(capabilities), with_status=True) == expected


def test_a_status_asks_for_what_is_offered():
    both = frozenset({"CONDSTORE", "OBJECTID"})
    assert status_items(both) == b"(MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ MAILBOXID)"
