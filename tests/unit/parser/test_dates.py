from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import dates


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Fri, 20 Nov 2026 17:12:00 +0800", "2026-11-20T17:12:00+08:00"),
        ("Fri, 20 Nov 2026 17:12:00 +0800 (CST)", "2026-11-20T17:12:00+08:00"),
        ("Fri,  1 Nov 2026 17:12:00 -0000", "2026-11-01T17:12:00-00:00"),
        ("Fri, 20. Nov 2026 17:12:00 +0800", "2026-11-20T17:12:00+08:00"),
        ("20 Nov 26 17:12 EST", "2026-11-20T17:12:00-05:00"),
        ("Thu, 1 Jan 70 11:00 +0100", "1970-01-01T11:00:00+01:00"),
        ("Fri, 20 November 126 17:12:00 A (x (y))", "2026-11-20T17:12:00-00:00"),
        ("2026-11-20T17:12:00Z", "2026-11-20T17:12:00+00:00"),
        ("2026-11-20 17:12:00 +08:00", "2026-11-20T17:12:00+08:00"),
        ("Fri Nov 20 17:12:00 2026", "2026-11-20T17:12:00-00:00"),
        ("Fri, 20 Nov 2026 17:12:00 GMT+0100", "2026-11-20T17:12:00+01:00"),
        ("Fri, 20 Nov 2026 11:00 +0100", "2026-11-20T11:00:00+01:00"),
        ("01-Jul-2004 09:12:00 PDT", "2004-07-01T09:12:00-07:00"),
        ("Fri, 20 Nov 2026 17:12:60 +0000", "2026-11-20T17:12:59+00:00"),
        ("星期五, 20 十一月 2026 17:12:00 +0800", "2026-11-20T17:12:00+08:00"),
        ("周五, 1 10月 2026 17:12:00 +0800", "2026-10-01T17:12:00+08:00"),
        ("Fri Nov 20 17:12:00 +0100 2026", "2026-11-20T17:12:00+01:00"),
        ("Fri Nov 20 17:12:00 2026 +0100", "2026-11-20T17:12:00+01:00"),
        ("Nov 20, 2026 17:12:00 -0330", "2026-11-20T17:12:00-03:30"),
        ("Fri Nov 20 17:12:00", None),
        ("Fri, 20 Nov 2026 17:12:00 +0160", None),
        ("Fri, 20 Nov 2026 17:12:00 +08", "2026-11-20T17:12:00+08:00"),
        ("Fri, 20 Nov 2026 5:12 PM", None),
        ("Sun, 31 Dec 1899 23:59:59 +0000", None),
        ("星期五, 20 13月 2026 17:12:00 +0800", None),
        ("Mon, 31 Nov 2026 10:00:00 +0100", None),
        ("Fri, 20 Nov 2026 24:00:00 +0000", None),
        ("Fri, 20 Nov 2026 10:00:00 +1500", None),
        ("Fri, 20 Foo 2026 10:00:00 +0100", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_dates(value: str, expected: str | None) -> None:
    assert dates.parse(value) == expected


def test_received_is_what_follows_the_last_semicolon() -> None:
    field = " from a by b; for c; Fri, 20 Nov 2026 17:12:00 +0800"
    assert dates.received(field) == datetime(2026, 11, 20, 9, 12, tzinfo=UTC)
    assert dates.received(f"{field} (to x; y)") == datetime(2026, 11, 20, 9, 12, tzinfo=UTC)
    assert dates.received(" from a (x; y)") is None


def test_a_received_field_that_leaves_the_calendar_in_utc_has_no_instant() -> None:
    assert dates.received(" by b; Fri, 31 Dec 9999 23:59:59 -1200") is None


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-14, 14))  # noqa: DTZ001
def test_what_was_written_is_read(moment: datetime, hours: int) -> None:
    zone = f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"
    sent = moment.strftime("%a, %d %b %Y %H:%M:%S ") + zone.replace(":", "")
    assert dates.parse(sent) == moment.strftime("%Y-%m-%dT%H:%M:%S") + zone


@given(st.text(alphabet="0123456789:+-/ ,;()FriNovZ\\", max_size=60))
def test_anything_is_a_date_or_none(value: str) -> None:
    found = dates.parse(value)
    assert found is None or datetime.fromisoformat(found)
