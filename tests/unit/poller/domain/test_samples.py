import hashlib

from hypothesis import given
from hypothesis import strategies as st

from services.poller.domain.samples import (
    LOWEST,
    NEWEST,
    by_header,
    keep,
    mark,
    mark_by_head,
    outermost,
    same_content,
    same_header,
)

RAW = b"Subject: a\r\nFrom: b@example.org\r\n\r\nbody\r\n"


def test_a_message_is_known_by_its_header_and_by_its_bytes():
    known = mark(RAW, hashlib.sha256(RAW).hexdigest())
    assert same_header(known, b"Subject: a\r\nFrom: b@example.org\r\n\r\n")
    assert same_header(known, b"Subject: a\nFrom: b@example.org\n\n")
    assert not same_header(known, b"Subject: b\r\nFrom: b@example.org\r\n\r\n")
    assert same_content(known, hashlib.sha256(RAW).hexdigest())
    assert not same_content(known, hashlib.sha256(b"").hexdigest())


def test_the_beginning_of_a_message_is_enough_while_its_header_ends_in_it():
    assert mark_by_head(RAW[:40], "ab") == mark(RAW, "ab")
    assert mark_by_head(RAW[:20], "ab") == "ab"


def test_what_is_stored_stays_readable():
    assert mark(RAW, "ab") == "ab.915479f2819287a0"


def test_samples_without_a_header_count_where_there_are_no_others():
    assert by_header({"1": "ab", "2": "cd.ef"}) == {"2": "cd.ef"}
    assert by_header({"1": "ab"}) == {"1": "ab"}


@given(st.binary(max_size=300))
def test_any_bytes_can_be_marked(raw):
    assert same_content(mark(raw, hashlib.sha256(raw).hexdigest()), hashlib.sha256(raw).hexdigest())


@given(st.sets(st.integers(1, 500)), st.sets(st.integers(1, 500)))
def test_the_lowest_and_the_newest_are_kept(known, new):
    kept = {int(uid) for uid in keep({str(uid): "x" for uid in known}, dict.fromkeys(new, "y"))}
    everything = sorted(known | new)
    assert kept == set(everything[:LOWEST]) | set(everything[-NEWEST:])


def test_few_are_all_outermost_and_once_each():
    assert outermost([7, 3, 5]) == [3, 5, 7]


@given(st.lists(st.sets(st.integers(1, 500)), max_size=8))
def test_what_is_kept_was_outermost_in_its_own_group(groups):
    kept = {int(uid) for uid in keep({}, {uid: "x" for group in groups for uid in group})}
    assert all(kept & group <= set(outermost(group)) for group in groups)
