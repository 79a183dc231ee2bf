"""Small decisions of the poller: UIDVALIDITY, dates, folders, waits."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.domain.choose import chosen, unmatched
from services.poller.domain.dates import parse_internaldate
from services.poller.domain.schedule import backoff, quarantine_until
from services.poller.domain.validity import Verdict, judge

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "seen", "epochs", "changes", "verdict"),
    [
        (None, 7, (), 0, Verdict.FIRST),
        (7, 7, (7,), 9, Verdict.SAME),
        (7, 8, (7,), 0, Verdict.NEW_EPOCH),
        (7, 6, (7,), 0, Verdict.DOUBTFUL),
        (7, 6, (6, 7), 4, Verdict.KNOWN_EPOCH),
        (7, 6, (6, 7), 5, Verdict.FLAPPING),
        (0, None, (0,), 0, Verdict.SAME),
        (7, None, (7,), 0, Verdict.DOUBTFUL),
    ],
)
def test_uidvalidity(
    known: int | None, seen: int | None, epochs: tuple[int, ...], changes: int, verdict: Verdict
) -> None:
    assert judge(known, seen, epochs, [NOW] * changes, NOW) is verdict


def test_old_changes_are_forgotten() -> None:
    yesterday = NOW - timedelta(days=1)
    assert judge(7, 8, (7,), [yesterday] * 9, NOW) is Verdict.NEW_EPOCH


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("21-Sep-2026 11:00:00 +0000", datetime(2026, 9, 21, 11, tzinfo=UTC)),
        (" 1-Jan-2026 00:30:00 +0800", datetime(2025, 12, 31, 16, 30, tzinfo=UTC)),
        ("21-Sep-2026 11:00:00 -0330", datetime(2026, 9, 21, 14, 30, tzinfo=UTC)),
        ("31-Feb-2026 00:00:00 +0000", None),
        ("01-Jan-0001 00:00:00 +0100", None),
        ("01-Jan-2026 00:00:00 +2400", None),
        ("01-Jan-0000 00:00:00 +0000", None),
        ("01-Xyz-2026 00:00:00 +0000", None),
        ("", None),
        (None, None),
    ],
)
def test_internaldate(text: str | None, instant: datetime | None) -> None:
    assert parse_internaldate(text) == instant


@given(st.text("0123456789-JanFeb :+", max_size=30))
def test_no_internaldate_raises(text: str) -> None:
    assert parse_internaldate(text) is None or isinstance(parse_internaldate(text), datetime)


@dataclass(frozen=True)
class Folder:
    name: str
    special_use: str | None = None
    selectable: bool = True


def test_folders_are_chosen_by_glob_and_special_use() -> None:
    inbox, sent, work = Folder("INBOX"), Folder("已发送", "\\Sent"), Folder("work/2026")
    assert chosen(inbox, (), ())
    assert chosen(inbox, ("inbox",), ())
    assert chosen(sent, ("\\sent",), ())
    assert chosen(work, ("work/*",), ("*/2025",))
    assert not chosen(work, ("work",), ())
    assert not chosen(sent, (), ("\\Sent",))
    assert not chosen(Folder("x", selectable=False), (), ())
    assert unmatched(("work/*", "nothing*", "\\Junk"), [inbox, sent, work]) == ["nothing*", "\\Junk"]


def test_waits_grow_to_their_cap_and_spread_over_the_upper_half() -> None:
    assert [backoff(failures, 5, 900, 1.0) for failures in (1, 2, 3, 99)] == [5, 10, 20, 900]
    assert backoff(1, 5, 900, 0.0) == 2.5
    assert backoff(1, 0, 900, 0.5) == 0


def test_quarantine_is_retried_ever_more_slowly() -> None:
    waits = [quarantine_until(NOW, stays) - NOW for stays in (1, 2, 3, 4, 9)]
    assert waits == [timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7), timedelta(days=7)]
