"""Every parser of outside bytes: never anything but its own error, and the fast path equal to the slow one."""

import contextlib
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.poller.domain.uidset import MAX_UID, UidSet
from services.poller.imap.encode import LiteralArgument, atom, header_list, number, quoted, sequence_sets, string
from services.poller.imap.errors import ImapError
from services.poller.imap.events import EventLog
from services.poller.imap.framing import Framer
from services.poller.imap.merging import Merger, items_of, quick_pattern
from services.poller.imap.model import Limits
from services.poller.imap.names import decode_utf7, display_name, encode_utf7
from services.poller.imap.responses import list_entry, status, status_entry, uid_ranges
from services.poller.imap.sasl import challenge_status
from services.poller.imap.text import clean
from services.poller.imap.tokens import Unparsable, parse

LINES = st.binary(max_size=200) | st.from_regex(rb"\* \d+ FETCH \([A-Z0-9 \"\\(){}\[\]<>~+]{0,60}", fullmatch=True)
PIECES = [
    b"* 1 FETCH (",
    b"UID 1 ",
    b"BODY[] {3}\r\nabc",
    b"FLAGS (\\A)",
    b")",
    b"\r\n",
    b'"',
    b"\\",
    b"(",
    b"{2}\r\n",
    b"x",
    b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n",
    b"* 2 FETCH (UID 2 FLAGS ())\r\n",
    b"* 3 FETCH (UID 3 BODY[] {3}\r\nabc FLAGS ())\r\n",
    b"* 4 FETCH (UID 4 BODY[HEADER] {3}\r\nabc)\r\n",
    b"* 5 FETCH (UID 5 BODY[] {101}\r\n" + b"x" * 101 + b")\r\n",
]
WIRE = st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=40).map(b"".join)


@given(LINES)
def test_parsers_raise_only_unparsable(line):
    for parser in (lambda x: parse([x]), lambda x: list_entry([x], 0), lambda x: status_entry([x], 0), uid_ranges):
        with contextlib.suppress(Unparsable):
            parser(line)
    items_of([line])
    status(line)
    challenge_status(line)


@given(LINES)
def test_cleaned_text_is_short_and_printable(raw):
    text = clean(raw)
    assert len(text) <= 300
    assert not any(ord(c) < 32 or c in "\u202e\u2028\x7f\x85" for c in text)


def frames(data: bytes, cuts: list[int], limits: Limits) -> list[list[object]]:
    got: list[list[object]] = []
    framer = Framer(limits, lambda parts, _size: got.append(list(parts)))
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    try:
        for start, stop in pairwise(edges):
            framer.feed(data[start:stop])
    except ImapError as error:
        got.append([type(error)])
    framer.drop()
    return got


@given(WIRE, st.lists(st.integers(0, 400), max_size=8))
def test_framing_does_not_depend_on_how_bytes_arrive(data, cuts):
    limits = Limits(line=1000, response=5000, max_literal=100)
    whole = frames(data, [], limits)
    assert frames(data, cuts, limits) == whole
    for frame in whole:
        if len(frame) > 1:
            assert all(isinstance(part, bytes) for part in frame)


@given(WIRE)
def test_framing_a_byte_at_a_time(data):
    limits = Limits(line=1000, response=5000, max_literal=100)
    assert frames(data, list(range(len(data))), limits) == frames(data, [], limits)


FLAGS = st.lists(st.sampled_from(["\\Seen", "$Junk", "NonJunk", "\\Answered"]), max_size=3, unique=True)
ITEMS = ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[]")


@given(
    st.integers(0, 12) | st.integers(0, 2**33),
    FLAGS,
    st.integers(0, 10**12),
    st.binary(max_size=50),
    st.sampled_from(["BODY[]", "body[]"]),
    st.sampled_from([b")", b")", b" FLAGS (\\Deleted))", b" and more)"]),
    st.sampled_from([UidSet.range(1, MAX_UID), UidSet.range(3, 9), UidSet.parse("1:3,7:9")]),
)
def test_quick_path_says_what_the_parser_says(uid, flags, size, body, name, tail, part):
    date = "01-Nov-2026 10:00:00 +0800"
    head = f'* 1 FETCH (UID {uid} FLAGS ({" ".join(flags)}) INTERNALDATE "{date}" RFC822.SIZE {size} '
    head += f"{name} {{{len(body)}}}"
    frame = [head.encode(), body, tail]
    news, others = EventLog(), EventLog()
    fast = Merger(ITEMS, part, news)
    slow = Merger(ITEMS, part, others)
    slow._pattern = None
    assert [*fast.take([frame]), *fast.rest()] == [*slow.take([frame]), *slow.rest()]
    assert (news.take(), fast.outside()) == (others.take(), slow.outside())
    assert quick_pattern(ITEMS) is not None


def test_quick_pattern_only_for_the_common_items():
    assert quick_pattern(("UID", "FLAGS")) is not None
    assert quick_pattern(("UID", "FLAGS", "EMAILID")) is None
    assert quick_pattern(("UID", "RFC822.SIZE", "FLAGS")) is None
    assert quick_pattern(("UID", "BODY.PEEK[HEADER]")) is None


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_modified_utf7_round_trip(text):
    wire = encode_utf7(text)
    assert re.fullmatch(r"[\x20-\x7e]*", wire)
    assert decode_utf7(wire) == text


@given(st.binary(max_size=60))
def test_display_names_never_fail(wire):
    assert "\0" not in display_name(wire.replace(b"\0", b""))


def test_a_folder_name_with_nul_cannot_be_used():
    for parts in ([b'() "/" "a\0b"'], [b'() "/" {3}', b"a\0b", b""]):
        with pytest.raises(Unparsable, match="name"):
            list_entry(parts, 0)


@pytest.mark.parametrize(
    ("wire", "name"), [("&U,BTFw-", "台北"), ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語")]
)
def test_modified_utf7_example_of_rfc_3501(wire, name):
    assert (decode_utf7(wire), encode_utf7(name)) == (name, wire)


@pytest.mark.parametrize("text", ["&", "&AGE-", "&U,BTFw", "&!!-", "&U,BTFw-&ZeVnLIqe-x&", "&2Hz-", "&AAA-"])
def test_ill_formed_utf7_is_refused(text):
    with pytest.raises(ValueError, match="UTF-7"):
        decode_utf7(text)


@given(st.binary(max_size=60))
def test_no_argument_can_end_a_line(value):
    if b"\0" in value:
        with pytest.raises(ValueError, match="NUL"):
            string(value)
        return
    encoded = string(value)
    assert isinstance(encoded, LiteralArgument) or not set(encoded) & set(b"\r\n\0")
    if isinstance(encoded, bytes):
        assert parse([encoded]) == [value]


@pytest.mark.parametrize(
    "value", ["", "a b", "a\r\nA2 LOGOUT", "a\n", "a\0", "\x7f", "ä", '"', "\\", "(", ")", "{1}", "%", "*"]
)
def test_an_atom_refuses_what_it_cannot_carry(value):
    with pytest.raises(ValueError, match="atom"):
        atom(value)


@pytest.mark.parametrize("value", ["a\r", "\n", "\0", "\t", "\x7f", "ä", "中"])
def test_a_quoted_string_refuses_what_it_cannot_carry(value):
    with pytest.raises(ValueError, match="printable ASCII"):
        quoted(value)


def test_what_is_sent_is_the_value():
    assert atom("X-GM-EXT-1[a]<0.5>") == b"X-GM-EXT-1[a]<0.5>"
    assert quoted('a "b" \\c') == rb'"a \"b\" \\c"'
    assert (string(b""), string(b"x" * 500)) == (b'""', b'"' + b"x" * 500 + b'"')
    for literal in (b"x" * 501, b"a\r\nb", "ä".encode()):
        assert string(literal) == LiteralArgument(literal)
    assert header_list(["Subject", "x-y"]) == b"(SUBJECT X-Y)"
    assert (number(0), number(2**63 - 1)) == (b"0", b"9223372036854775807")


@given(st.sets(st.integers(1, 30) | st.integers(1, 2**32 - 1), max_size=60), st.integers(1, 90))
@settings(max_examples=200)
def test_sequence_sets_cover_everything_once_in_as_much_room_as_there_is(uids, size):
    texts, parts = [], UidSet.of(())
    for text, part in sequence_sets(UidSet.of(uids), size):
        assert len(text) < size or part.parts == 1
        assert not parts & part
        texts.append(text)
        parts |= part
    assert set(parts) == uids
    text = b",".join(texts).decode().replace("*", "4294967295")
    assert UidSet.parse(text) == parts


def test_sequence_sets_leave_no_room_that_the_next_range_would_fill():
    assert [text for text, _ in sequence_sets(UidSet.of([*range(1, 4), 5, 7]), 8)] == [b"1:3,5,7"]
    assert [text for text, _ in sequence_sets(UidSet.of([*range(1, 4), 5, 7]), 7)] == [b"1:3,5", b"7"]


@pytest.mark.parametrize("value", [-1, 2**63])
def test_a_number_that_no_server_takes_is_not_sent(value):
    with pytest.raises(ValueError, match="number"):
        number(value)


@pytest.mark.parametrize("fields", [[], ["A B"], ["A)"], ["Ä"], [""], ["Subject", "x" * 101]])
def test_only_names_of_header_fields_are_asked_for(fields):
    with pytest.raises(ValueError, match="header fields"):
        header_list(fields)
