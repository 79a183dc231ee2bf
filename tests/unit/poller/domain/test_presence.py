"""Gone is not deleted: few absences are believed, many only after a second look."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.poller.domain.presence import observe
from services.poller.domain.state import Ledger
from services.poller.domain.uidset import EMPTY, UidSet

NOW = datetime(2026, 11, 20, tzinfo=UTC)
FULL = Ledger(uidvalidity=1, listed=UidSet.range(1, 1000), published=UidSet.range(1, 1000))


def test_missing_is_what_is_listed_and_neither_published_nor_quarantined_nor_vanished() -> None:
    ledger = Ledger(uidvalidity=1, listed=UidSet.range(1, 9), published=UidSet.of([1, 2]), vanished=UidSet.of([2, 5]))
    assert ledger.missing(UidSet.of([2, 4])) == UidSet.parse("3,6:9")


def test_a_few_are_vanished_at_once() -> None:
    seen = UidSet.range(1, 990)
    observed = observe(FULL, seen, NOW, 600)
    assert observed.vanished == UidSet.range(991, 1000)
    assert observed.ledger.vanished == observed.vanished
    assert not observed.ledger.missing(EMPTY)


def test_many_are_only_noted_then_believed_after_the_wait() -> None:
    seen = UidSet.range(1, 100)
    first = observe(FULL, seen, NOW, 600)
    assert (first.vanished, first.hidden) == (EMPTY, UidSet.range(101, 1000))
    too_soon = observe(first.ledger, seen, NOW + timedelta(seconds=599), 600)
    assert (too_soon.vanished, too_soon.hidden) == (EMPTY, EMPTY)
    later = observe(too_soon.ledger, seen, NOW + timedelta(seconds=600), 600)
    assert later.vanished == UidSet.range(101, 1000)
    assert not later.ledger.invisible


def test_an_empty_folder_is_doubted_too() -> None:
    assert observe(FULL, EMPTY, NOW, 600).vanished == EMPTY
    one = Ledger(uidvalidity=1, listed=UidSet.of([5]))
    assert observe(one, EMPTY, NOW, 600).vanished == UidSet.of([5])

    few = Ledger(uidvalidity=1, listed=UidSet.of([5, 6]))
    assert observe(few, EMPTY, NOW, 600).hidden == UidSet.of([5, 6])


def test_many_are_more_than_fifty_and_more_than_a_fifth() -> None:
    assert len(observe(FULL, UidSet.range(1, 800), NOW, 600).vanished) == 200
    assert len(observe(FULL, UidSet.range(1, 799), NOW, 600).hidden) == 201
    hundred = Ledger(uidvalidity=1, listed=UidSet.range(1, 100))
    assert len(observe(hundred, UidSet.range(1, 50), NOW, 600).vanished) == 50
    assert len(observe(hundred, UidSet.range(1, 49), NOW, 600).hidden) == 51


def test_new_mail_counts_as_there_when_the_share_is_taken() -> None:
    seen = UidSet.range(52, 100) | UidSet.range(101, 400)
    hundred = Ledger(uidvalidity=1, listed=UidSet.range(1, 100))
    assert len(observe(hundred, seen, NOW, 600).vanished) == 51


def test_what_comes_back_has_returned() -> None:
    gone = observe(FULL, UidSet.range(1, 990), NOW, 600).ledger
    back = observe(gone, UidSet.range(1, 1000), NOW, 600)
    assert back.returned == UidSet.range(991, 1000)
    assert (back.ledger.vanished, back.vanished) == (EMPTY, EMPTY)
    others = observe(gone, UidSet.range(11, 1000), NOW, 600)
    assert (others.returned, others.vanished) == (UidSet.range(991, 1000), UidSet.range(1, 10))
    hidden = observe(FULL, EMPTY, NOW, 600).ledger
    some = observe(hidden, UidSet.range(1, 10), NOW, 600)
    assert (some.returned, some.hidden) == (UidSet.range(1, 10), EMPTY)
    assert observe(hidden, UidSet.range(1, 1000), NOW, 600).ledger == FULL


SETS = st.sets(st.integers(1, 200)).map(UidSet.of)


@given(SETS, SETS, SETS)
def test_nothing_seen_is_vanished_and_nothing_listed_is_forgotten(
    listed: UidSet, vanished: UidSet, seen: UidSet
) -> None:
    before = Ledger(uidvalidity=1, listed=listed | vanished, vanished=vanished)
    observed = observe(before, seen, NOW, 600)
    assert not observed.ledger.vanished & seen
    assert observed.ledger.listed == listed | vanished | seen
    assert not observed.vanished & vanished
    assert observed.ledger.vanished == (vanished - seen) | observed.vanished
