"""Events survive the wire: encode, decode, equal; and what is not an event is refused, never raised otherwise."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.common import events as ev
from services.common.contract import SPECS, Record, decode, encode, event_id
from services.common.errors import ContractViolated
from services.common.place import Place

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HERE = Place(account="work", folder="INBOX", folderid="f1", uidvalidity=1, uid=1)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
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
    labels=st.lists(st.text("xyz 合", min_size=1), max_size=3).map(tuple),
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


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["ce_type", "ce_account", "ce_uid", "ce_size", "ce_internaldate", "ce_datarange", "x"]),
        st.binary(max_size=12),
    ),
    max_size=8,
).map(tuple)


@given(st.sampled_from(SPECS), HEADERS, st.none() | st.binary(max_size=60))
def test_noise_is_refused_by_name(spec: object, headers: tuple[tuple[str, bytes], ...], value: bytes | None) -> None:
    typed = (*headers, ("ce_type", spec.type.encode()))  # type: ignore[attr-defined]
    with pytest.raises(ContractViolated) as refused:
        decode(Record(spec.topic.name, b"k", value, typed))  # type: ignore[attr-defined]
    assert refused.value.code.startswith("contract.")


def test_an_unknown_major_is_refused() -> None:
    record = Record("mail.fetched", b"k", b"x", (("ce_type", b"org.mailweir.message-fetched.v2"),))
    with pytest.raises(ContractViolated, match=r"is not read from mail\.fetched"):
        decode(record)


def test_a_dead_letter_keeps_the_original_record() -> None:
    letter = ev.DeadLetter(
        topic="mail.fetched",
        partition=3,
        offset=9,
        service="parser",
        error="contract.type",
        reason="no ce_type",
        at=NOW,
        key=b"\xff",
        value=b"\x00\xff",
        headers=(("x", b"\xfe"), ("ce_id", b"1")),
    )
    record = encode(letter, "parser", NOW)
    assert record.topic == "mail.fetched.dlq"
    assert (record.key, record.value) == (b"\xff", b"\x00\xff")
    assert record.headers[:2] == letter.headers
    assert decode(record) == letter
