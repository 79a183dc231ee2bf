"""What a server says unasked: kept until it is looked at, bounded, and never mistaken for another folder's."""

import pytest

from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import ConnectionLost
from services.poller.imap.events import EventLog, numbered
from services.poller.imap.model import Events
from services.poller.imap.responses import status

FLAGGED = b"* 3 FETCH (UID 7 MODSEQ (12) FLAGS (\\Seen))"


def log_of(*lines: str) -> EventLog:
    log = EventLog()
    for line in lines:
        say(log, line)
    return log


def say(log: EventLog, line: str) -> None:
    found = status(line.encode())
    assert found is not None
    log.said(found)


@pytest.mark.parametrize(
    "tell",
    [
        lambda log: log.count(5, b"EXISTS"),
        lambda log: log.count(5, b"EXPUNGE"),
        lambda log: log.gone([b"* VANISHED 7"]),
        lambda log: log.fetched(FLAGGED),
        lambda log: log.fetched(b"* 3 fetch (flags () modseq (12))"),
        lambda log: say(log, "BYE"),
    ],
)
def test_each_kind_of_news_is_a_change(tell):
    log = EventLog()
    assert not log.changed
    tell(log)
    assert log.changed


def test_what_was_taken_is_not_told_again():
    log = log_of("OK [ALERT] full", "OK [THROTTLED] slow", "BYE done")
    log.count(5, b"EXISTS")
    log.count(2, b"EXPUNGE")
    log.gone([b"* VANISHED 7:9"])
    log.fetched(FLAGGED)
    log.ignored += 1
    assert log.changed
    gone = UidSet.range(7, 9)
    assert log.take() == Events(4, 1, gone, flagged=True, throttled=True, bye="done", ignored=1, since=gone)
    assert not log.changed
    assert log.take() == Events()


@pytest.mark.parametrize("line", [b"* VANISHED 3,5:6", b"* VANISHED (EARLIER) 3,5:6", b"* vanished (earlier) 6:5,3"])
def test_vanished_is_read_in_any_form(line):
    log = EventLog()
    log.gone([line])
    assert (log.take().vanished, log.changed) == (UidSet.of([3, 5, 6]), False)


@pytest.mark.parametrize(
    ("lines", "exists", "since"),
    [
        ((b"12 EXISTS", b"VANISHED 1:3"), 12, [1, 2, 3]),
        ((b"12 EXISTS", b"12 RECENT", b"VANISHED 1", b"VANISHED 2"), 12, [1, 2]),
        ((b"VANISHED 1:3", b"9 EXISTS"), 9, []),
        ((b"12 EXISTS", b"VANISHED 1", b"11 EXISTS", b"VANISHED 2"), 11, [2]),
        ((b"12 EXISTS", b"VANISHED (EARLIER) 1:3"), 12, []),
        ((b"12 EXISTS", b"3 EXPUNGE", b"VANISHED 2"), 11, [2]),
        ((b"VANISHED 1:3",), None, []),
    ],
)
def test_what_vanishes_after_the_count_was_told_is_not_in_it(lines, exists, since):
    log = EventLog()
    for line in lines:
        number, word = numbered(b"* " + line)
        log.gone([b"* " + line]) if word == b"VANISHED" else log.count(number or 0, word)
    taken = log.take()
    assert (taken.exists, taken.since) == (exists, UidSet.of(since))
    assert log.take() == Events()


@pytest.mark.parametrize("line", [b"* VANISHED", b"* VANISHED x", b"* VANISHED (EARLIER) 0"])
def test_what_cannot_be_read_as_vanished_still_means_that_something_went(line):
    log = EventLog()
    log.gone([line])
    assert log.changed
    assert log.take() == Events(expunged=1)


def test_flags_of_a_folder_without_modseq_wait_for_the_next_look_at_all_of_them():
    log = EventLog()
    log.fetched(b"* 3 FETCH (UID 7 FLAGS (\\Seen))")
    assert not log.changed
    assert log.take() == Events()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("OK said [throttled]", Events(throttled=True)),
        ("NO [THROTTLED]", Events(throttled=True)),
        ("OK all is well", Events()),
        ("BYE later", Events(bye="later")),
    ],
)
def test_what_a_status_says(line, expected):
    assert log_of(line).take() == expected


def test_only_so_many_alerts_are_kept():
    log = log_of("OK [ALERT] full", *["OK [ALERT] again"] * 30)
    log.take()
    assert log.take_alerts() == ("full", *["again"] * 19)
    assert log.take_alerts() == ()


def test_another_uidvalidity_while_the_folder_is_open_ends_the_session():
    log = log_of(
        "OK [UIDVALIDITY 7] of the folder that is being opened", "OK [UIDVALIDITY 8] it was made anew meanwhile"
    )
    log.opened()
    say(log, "OK [UIDVALIDITY 8] as before")
    with pytest.raises(ConnectionLost, match="UIDVALIDITY changed"):
        say(log, "OK [UIDVALIDITY 9] another")
    log.forget_mailbox()
    say(log, "OK [UIDVALIDITY 9] of the next folder")
    log.opened()
    say(log, "OK [UIDVALIDITY 9] as before")


def test_another_folder_has_news_of_its_own():
    log = EventLog()
    log.count(5, b"EXISTS")
    log.count(1, b"EXPUNGE")
    log.gone([b"* VANISHED 7"])
    log.fetched(FLAGGED)
    log.forget_mailbox()
    assert log.take() == Events()


def test_a_folder_that_is_opened_anew_keeps_the_news_of_before():
    log = EventLog()
    log.count(1, b"EXPUNGE")
    log.gone([b"* VANISHED 8"])
    log.resume(Events(exists=9, expunged=2, vanished=UidSet.of([7])), 5)
    assert log.take() == Events(5, 3, UidSet.of([7, 8]))
    log.count(6, b"EXISTS")
    log.resume(Events(), 5)
    assert log.take().exists == 6


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"* 5 exists", (5, b"EXISTS")),
        (b"* 12 FETCH (FLAGS ())", (12, b"FETCH")),
        (b"* SEARCH 1 2", (None, b"SEARCH")),
        (b"* 5", (None, b"5")),
        (b"* ", (None, b"")),
        (b"* -5 EXISTS", (None, b"-5")),
    ],
)
def test_the_number_and_the_word_of_a_line(line, expected):
    assert numbered(line) == expected
