"""Events survive the wire: encode, decode, equal."""

import unicodedata
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.common import events as ev
from services.common.contract.records import decode, encode, event_id
from services.common.place import Place
from tests.unit.common.contract.good_record import HERE, NOW, fetched_with

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), min_size=1, max_size=30)
ANYTHING = st.text(st.characters(), max_size=30)
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
PLACES = st.builds(
    Place,
    account=st.just("work"),
    folder=TEXT,
    folderid=st.just("f1"),
    uidvalidity=st.integers(0, 2**32 - 1),
    uid=st.integers(1, 2**32 - 1),
)
MAIL = {
    "place": PLACES,
    "contentsha256": SHA,
    "internaldate": st.none() | st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    "size": st.integers(0, 2**40),
}
REFERENCES = st.builds(ev.DataRef, st.just("s3://mailweir/a/b")) | st.builds(
    ev.DataRef, st.just("s3://mailweir/a/b"), st.integers(0, 9), st.integers(10, 2**40)
)
FLAGS = st.lists(st.text("abc\\$", min_size=1, max_size=5), max_size=4).map(tuple)
FETCHED = st.builds(
    ev.MessageFetched,
    **MAIL,
    body=st.binary(max_size=200) | REFERENCES,
    flags=FLAGS,
    labels=st.lists(st.text('xyz\n"[ 合'), max_size=3).map(tuple),
)
ATTACHMENTS = st.builds(
    ev.AttachmentExtracted,
    **MAIL,
    body=st.binary(max_size=200) | REFERENCES,
    partid=st.just("1.2"),
    partsha256=SHA,
    partsize=st.integers(0, 2**40),
    contenttype=st.just("application/pdf"),
    filename=st.none() | TEXT,
    safename=TEXT,
)


@given(FETCHED | ATTACHMENTS)
def test_what_is_encoded_is_decoded(event: ev.Event) -> None:
    assert decode(encode(event, "poller", NOW)) == event


@given(folder=ANYTHING, name=ANYTHING, flag=ANYTHING, label=ANYTHING)
def test_no_attribute_holds_what_a_cloudevents_string_may_not(folder: str, name: str, flag: str, label: str) -> None:
    place = structs.replace(HERE, folder=folder)
    common = {"place": place, "contentsha256": "0" * 64, "internaldate": None, "size": 1, "body": b""}
    file = {"partid": "1", "partsha256": "0" * 64, "partsize": 0, "contenttype": "text/plain"}
    for event in (
        ev.MessageFetched(**common, flags=(flag,), labels=("x", label)),
        ev.AttachmentExtracted(**common, **file, filename=name, safename=name),
    ):
        for _, raw in encode(event, "poller", NOW).headers:
            assert not any(unicodedata.category(each) in {"Cc", "Cs"} or is_nonchar(each) for each in raw.decode())


def is_nonchar(character: str) -> bool:
    code = ord(character)
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


def test_labels_of_records_with_one_a_line_are_read() -> None:
    event = decode(fetched_with(labels="\\Inbox\n合同 2026"))
    assert isinstance(event, ev.MessageFetched)
    assert event.labels == ("\\Inbox", "合同 2026")


def test_flags_of_a_relinked_place_are_an_attribute_too() -> None:
    event = ev.PlaceRelinked(place=HERE, contentsha256="0" * 64, internaldate=None, size=1, flags=("\\Seen", "$x"))
    assert dict(encode(event, "poller", NOW).headers)["ce_flags"] == b"\\Seen $x"


def test_one_file_twice_in_a_message_is_two_events() -> None:
    first = ev.ObjectFiled(
        place=HERE, contentsha256="0" * 64, internaldate=None, size=1, kind="attachment", sha256="1" * 64, bucket="b",
        key="work/attachments/1/a.txt", objectsize=1, contenttype="text/plain", partid="2",
    )  # fmt: skip
    assert event_id(first) != event_id(structs.replace(first, partid="3"))


def test_a_record_cannot_say_that_its_hash_was_taken() -> None:
    event = ev.MessageFetched(place=HERE, contentsha256="0" * 64, internaldate=None, size=1, body=b"x", hashed=True)
    record = encode(event, "poller", NOW)
    assert not any(b"True" in value for _, value in record.headers)
    decoded = decode(structs.replace(record, headers=(*record.headers, ("ce_hashed", b"True"))))
    assert decoded == structs.replace(event, hashed=False)


@given(FETCHED)
def test_an_id_follows_from_the_place_and_the_content(event: ev.MessageFetched) -> None:
    assert event_id(event) == event_id(event)
    elsewhere = ev.MessageFetched(
        place=Place(account="other", folder="x", folderid="f1", uidvalidity=1, uid=1),
        contentsha256=event.contentsha256,
        internaldate=None,
        size=1,
        body=b"",
    )
    assert event_id(elsewhere) != event_id(event)


def test_a_moment_is_read_in_utc() -> None:
    event = decode(fetched_with(internaldate="2026-11-20T10:00:00+01:00"))
    assert isinstance(event, ev.MessageFetched)
    assert (event.internaldate, event.internaldate and event.internaldate.tzinfo) == (NOW, UTC)


def test_an_empty_range_is_one() -> None:
    event = decode(fetched_with(dataref="s3://mailweir/a", datarange="0--1"))
    assert isinstance(event, ev.MessageFetched)
    assert event.body == ev.DataRef("s3://mailweir/a", 0, -1)
