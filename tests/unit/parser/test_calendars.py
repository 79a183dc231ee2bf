import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.parser.mime.calendars import as_text, is_calendar, merged, read, unfolded

ZONE = """BEGIN:VTIMEZONE
TZID:Office
BEGIN:STANDARD
DTSTART:16010101T000000
TZOFFSETFROM:+0800
TZOFFSETTO:+0800
END:STANDARD
END:VTIMEZONE
"""
EVENT = """BEGIN:VEVENT
UID:one@example.org
DTSTAMP:20261101T080000Z
DTSTART;TZID=Office:20261105T100000
DTEND;TZID=Office:20261105T110000
SUMMARY:Plan\\, part
  one
LOCATION:Room 1
DESCRIPTION:first\\nsecond
ORGANIZER;CN=Ann:MAILTO:ann@example.org
ATTENDEE:mailto:bob@example.net
ATTENDEE:mailto:eve@example.net
SEQUENCE:3
STATUS:CONFIRMED
END:VEVENT
"""
HEAD = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//EN\nMETHOD:REQUEST\n"
WHOLE = f"{HEAD}{ZONE}{EVENT}END:VCALENDAR\n"


def test_an_invitation_as_a_digest() -> None:
    calendar = read(WHOLE.replace("\n", "\r\n"), "1.2", "request")
    assert calendar.defects == ()
    (digest,) = calendar.digests
    assert (digest.part, digest.method, digest.uid, digest.sequence) == ("1.2", "REQUEST", "one@example.org", 3)
    assert (digest.start, digest.end) == ("2026-11-05T10:00:00+08:00", "2026-11-05T11:00:00+08:00")
    assert (digest.summary, digest.description) == ("Plan, part one", "first\nsecond")
    assert (digest.organizer, digest.attendees) == ("ann@example.org", ("bob@example.net", "eve@example.net"))
    assert as_text(digest) == "Plan, part one\nRoom 1\nfirst\nsecond"


def test_blanks_at_line_ends_cost_nothing() -> None:
    assert read(WHOLE.replace("\n", " \t\r\n"), "1").digests == read(WHOLE, "1").digests


def test_utc_goes_before_a_zone() -> None:
    (digest,) = read(
        WHOLE.replace("110000", "110000Z").replace("TZID=Office", 'TZID="(UTC+08:00) Office"'), "1"
    ).digests
    assert digest.end == "2026-11-05T11:00:00+00:00"


def test_a_zone_with_a_prefix_is_known_without_a_warning() -> None:
    (digest,) = read(WHOLE.replace("TZID=Office", "TZID=/mozilla.org/20050126_1/Asia/Tokyo"), "1").digests
    assert digest.start == "2026-11-05T10:00:00+09:00"


def test_an_invitation_of_many_people_is_read() -> None:
    people = "".join(
        f"ATTENDEE;CN=Person {number};RSVP=TRUE:mailto:person\n {number}@example.org\n" for number in range(2_000)
    )
    calendar = read(WHOLE.replace("SEQUENCE", f"{people}SEQUENCE"), "1")
    (digest,) = calendar.digests
    assert (digest.summary, digest.start, digest.sequence) == ("Plan, part one", "2026-11-05T10:00:00+08:00", 3)
    assert digest.attendees[1:3] == ("eve@example.net", "person0@example.org")
    assert (len(digest.attendees), calendar.defects) == (100, ("limit.calendar",))


def test_an_invitation_with_a_long_description_is_read() -> None:
    calendar = read(WHOLE.replace("first", "first" + "\\, x" * 20_000), "1")
    (digest,) = calendar.digests
    assert (digest.summary, len(digest.description or "")) == ("Plan, part one", 4_000)
    assert calendar.defects == ("limit.calendar",)


def test_bare_cr_ends_lines() -> None:
    assert unfolded(b"SUMMARY:a\r b\rUID:c\r") == b"SUMMARY:ab\nUID:c\n"


def test_the_method_of_the_object_counts_and_a_mismatch_is_told() -> None:
    calendar = read(WHOLE, "1", "CANCEL")
    assert (calendar.digests[0].method, calendar.defects) == ("REQUEST", ("calendar.method-mismatch",))


def test_the_declared_method_counts_when_the_object_has_none() -> None:
    assert read(WHOLE.replace("METHOD:REQUEST\n", ""), "1", "reply").digests[0].method == "REPLY"


@pytest.mark.parametrize("text", ["", "no calendar", "BEGIN:VCALENDAR\nnonsense\nEND:VCALENDAR\n"])
def test_what_cannot_be_read_gives_nothing(text: str) -> None:
    assert read(text, "1").digests == ()


def test_an_object_that_the_end_cuts_off_is_read() -> None:
    calendar = read(WHOLE[: WHOLE.index("SEQUENCE")], "1")
    assert (calendar.digests[0].summary, calendar.defects) == ("Plan, part one", ("calendar.unfinished",))


def test_broken_properties_are_left_out() -> None:
    broken = WHOLE.replace("20261105T110000", "soon").replace("SEQUENCE:3", "SEQUENCE:many")
    digest = read(broken, "1").digests[0]
    assert (digest.end, digest.sequence, digest.summary) == (None, None, "Plan, part one")


def test_a_day_has_no_time() -> None:
    day = WHOLE.replace("DTSTART;TZID=Office:20261105T100000", "DTSTART;VALUE=DATE:20261105")
    assert read(day, "1").digests[0].start == "2026-11-05"


def test_a_big_object_is_read_up_to_the_limit() -> None:
    many = "".join(EVENT.replace("one@", f"{number}@") for number in range(500))
    calendar = read(f"{HEAD}{ZONE}{many}END:VCALENDAR\n", "1")
    assert len(calendar.digests) == 100
    assert calendar.defects == ("limit.calendar",)


def test_components_and_people_beyond_the_limits_are_told() -> None:
    events = [HEAD + "BEGIN:VEVENT\nUID:a\nEND:VEVENT\n" * count + "END:VCALENDAR\n" for count in (100, 101)]
    assert [read(text, "1").defects for text in events] == [(), ("limit.calendar",)]
    people = [
        WHOLE.replace("SEQUENCE", "ATTENDEE:a@b\n" * (count - WHOLE.count("ATTENDEE")) + "SEQUENCE")
        for count in (1_000, 1_001)
    ]
    found = [read(text, "1") for text in people]
    assert [(len(each.digests[0].attendees), each.defects) for each in found] == [
        (1_000, ()),
        (1_000, ("limit.calendar",)),
    ]


def test_attached_files_do_not_count_against_the_limit() -> None:
    file = "ATTACH;ENCODING=BASE64;VALUE=BINARY:" + "QUJD\n " * 50_000 + "\n"
    calendar = read(WHOLE.replace("STATUS:", f"{file}STATUS:"), "1")
    assert (calendar.digests[0].status, calendar.defects) == ("CONFIRMED", ())


def test_damage_in_lines_that_nobody_reads_costs_nothing() -> None:
    damaged = 'DTSTAMP;=:x\nX-ODD;a="b:c\n d\nno property at all\n'
    (digest,) = read(WHOLE.replace("DTSTAMP:20261101T080000Z\n", damaged), "1").digests
    assert (digest.summary, digest.start) == ("Plan, part one", "2026-11-05T10:00:00+08:00")


def test_one_digest_per_uid() -> None:
    twice = [read(WHOLE, "1"), read(WHOLE, "2")]
    assert [digest.part for digest in merged(twice)] == ["1"]
    unnamed = WHOLE.replace("UID:one@example.org\n", "")
    assert [digest.part for digest in merged([read(unnamed, "1"), read(unnamed, "2")])] == ["1", "2"]


def test_types_and_names() -> None:
    assert is_calendar("text/calendar", None)
    assert is_calendar("application/octet-stream", "Invite.ICS")
    assert not is_calendar("text/plain", "a.txt")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WHOLE.splitlines()), max_size=30), st.text(max_size=20))
def test_any_order_of_lines_is_survived(lines: list[str], junk: str) -> None:
    read("BEGIN:VCALENDAR\n" + "\n".join([*lines, junk]), "1")
