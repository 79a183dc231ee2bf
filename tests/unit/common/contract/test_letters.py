"""Dead letters on the wire: the original record beside why it could not be used."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from services.common import events as ev
from services.common.contract.records import Record, decode, encode
from services.common.dead_letters import dead_letter
from services.common.errors import ContractViolated

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_a_dead_letter_of_another_topic_is_refused() -> None:
    letter = dead_letter(Record("mail.audit", b"k", b"v", (), 0, 1), "storer", "contract.type", "-", NOW)
    with pytest.raises(ContractViolated, match=r"not the topic of mail\.fetched\.dlq"):
        decode(structs.replace(encode(letter, "storer", NOW), topic="mail.fetched.dlq"))


@pytest.mark.parametrize(
    ("name", "said", "why"),
    [
        ("at", b"0001-01-01T00:00:00+14:00", "a moment is outside of the years 1 to 9999"),
        ("at", b"who wrote this?", "an attribute or a number has another form"),
        ("offset", b"who wrote this?", "an attribute or a number has another form"),
        ("service", None, "missing attribute service"),
    ],
)
def test_a_dead_letter_that_cannot_be_read_again_is_refused(name: str, said: bytes | None, why: str) -> None:
    letter = dead_letter(Record("mail.audit", b"k", b"v", (), 0, 1), "storer", "contract.type", "-", NOW)
    record = encode(letter, "storer", NOW)
    headers = dict(record.headers) | {f"dlq_{name}": said or b""}
    kept = tuple(header for header in headers.items() if said is not None or header[0] != f"dlq_{name}")
    with pytest.raises(ContractViolated, match=f"of the dlq_ headers: {why}$"):
        decode(structs.replace(record, headers=kept))


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
