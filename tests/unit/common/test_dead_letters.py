"""Dead letters keep the record whole; too many stop the service."""

from datetime import UTC, datetime

import pytest

from services.common.contract.records import Record, decode, encode
from services.common.dead_letters import CUT, KEPT, DeadLetterCounter, Limits, dead_letter, shortened
from services.common.errors import DeadLetterLimit

BAD, GOOD = "contract.type: why", ""
AT = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)


def test_a_dead_letter_keeps_key_bytes_headers_and_coordinates() -> None:
    record = Record("mail.fetched", b"key", b"\xff\x00", (("ce_type", b"\xfe"), ("x", b"1"), ("x", b"2")), 3, 77)
    letter = dead_letter(record, "parser", "contract.type", "why", AT)
    written = encode(letter, "parser", AT)
    assert (written.topic, written.key, written.value) == ("mail.fetched.dlq", b"key", b"\xff\x00")
    assert written.headers[:3] == record.headers
    assert dict(written.headers)["dlq_offset"] == b"77"
    assert decode(written) == letter


def test_a_letter_that_fits_nowhere_keeps_its_beginning_and_says_so() -> None:
    record = Record("mail.fetched", b"key", b"a" * (KEPT + 9), (("x", b"1"),), 3, 77)
    letter = shortened(dead_letter(record, "parser", "contract.type", "why", AT))
    assert (letter.value, letter.error) == (b"a" * KEPT, CUT)
    assert letter.reason == f"contract.type: why; only the first {KEPT} of {KEPT + 9} octets are kept here"
    assert (letter.key, letter.headers, letter.offset) == (b"key", record.headers, 77)


def counter(run: int = 3) -> DeadLetterCounter:
    return DeadLetterCounter(Limits(run, ratio=0.5, window=10), "parser on mail.fetched")


def test_a_run_of_dead_letters_stops_the_service_over_batches() -> None:
    counting = counter()
    counting.count([BAD, BAD, BAD, GOOD, BAD, BAD])
    counting.count([BAD])
    with pytest.raises(
        DeadLetterLimit,
        match=r"on mail\.fetched: 4 records in a row .* the last for contract\.type: why",
    ):
        counting.count([BAD])


def test_a_share_of_dead_letters_stops_the_service_once_the_window_is_full() -> None:
    counting = counter(run=99)
    counting.count([BAD] * 9)
    counting.count([GOOD] * 6)
    with pytest.raises(DeadLetterLimit, match="6 of the last 10"):
        counting.count([BAD, GOOD, BAD, BAD, BAD, BAD, BAD])


def test_good_records_forgive() -> None:
    counting = counter()
    for _ in range(50):
        counting.count([BAD, BAD, GOOD, GOOD])
