"""Parsed mail that is larger than a record: what is cut, and that nothing is that need not be."""

import msgspec
import pytest
from msgspec.structs import replace

from services.common.email import DeliveryReport, Email, RecipientStatus
from services.parser.fit import fit
from services.parser.mime import parse


def size(email: object) -> int:
    return len(msgspec.json.encode(email))


def test_a_small_message_is_not_touched() -> None:
    email = parse(b"Subject: x\r\n\r\nhello")
    assert fit(email, 921_600) is email


MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
LARGE = {
    "addresses": b"".join(b"%s: %s\r\n" % (name, b"a@b," * 10_000) for name in (b"To", b"Cc", b"Bcc")) + b"\r\nhello",
    "group": b"To: " + b"g" * 100_000 + b":" + b"a@b," * 9_000 + b";\r\n\r\nhello",
    "reports": MULTIPART
    + b"--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: x\r\n" * 4_999
    + b"--b\r\n\r\nhello",
    "names": MULTIPART
    + b"".join(b'--b\r\nContent-Type: a/b; name="%s"\r\n\r\n' % (b"n" * 9_000) for _ in range(100))
    + b"--b\r\n\r\nhello",
    "identifier": b"Message-ID: <" + b"x" * 900_000 + b">\r\n\r\nhello",
    "levels": MULTIPART
    + b"".join(
        b"--b\r\n"
        + b"".join(b"Content-Type: multipart/mixed; boundary=c%d\r\n\r\n--c%d\r\n" % (n, n) for n in range(90))
        + b"\r\nx\r\n"
        for _ in range(50)
    ),
    "types": MULTIPART + b"".join(b"--b\r\nContent-Type: %s\r\n\r\n" % (b"x" * 200_000) for _ in range(6)),
    "protocols": MULTIPART
    + b"".join(
        b"--b\r\nContent-Type: multipart/signed; protocol=%s; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n"
        % (b"x" * 200_000)
        for _ in range(6)
    ),
    "links": b"List-Unsubscribe: <http://a/" + b"x" * 900_000 + b">\r\n\r\nhello",
}


@pytest.mark.parametrize("kind", LARGE)
def test_whatever_makes_a_message_large_it_fits_a_record(kind: str) -> None:
    email = parse(LARGE[kind])
    short = fit(email, 900_000)
    assert size(email) > 900_000 >= size(short)
    assert (short.id, short.size) == (email.id, email.size)
    assert short.mailweir.defects[-1].code == "limit.event-size"
    assert msgspec.json.decode(msgspec.json.encode(short), type=Email) == short


def test_long_texts_headers_and_structures_are_cut_to_the_size_of_a_record_and_said() -> None:
    text = b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + "长".encode() * 600_000
    headers = b"".join(b"X-Long-%d: %s\r\n" % (number, b"y" * 900) for number in range(1_200)) + b"\r\nhello"
    parts = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 8_000 + b"--b--\r\n"
    for raw in (text, headers, parts):
        email = parse(raw)
        short = fit(email, 900_000)
        assert size(email) > 900_000 >= size(short)
        assert "limit.event-size" in {defect.code for defect in short.mailweir.defects}


@pytest.mark.parametrize("kind", LARGE)
def test_a_message_that_just_fits_is_not_touched_and_one_octet_more_is_too_much(kind: str) -> None:
    email = parse(LARGE[kind])
    assert fit(email, size(email)) is email
    assert fit(email, size(email) - 1) is not email


def texts(count: int, letters: int) -> bytes:
    return b"".join(b"--b\r\n\r\n" + b"x" * letters + b"\r\n" for _ in range(count))


HEADERS = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 899) for number in range(1_100))


@pytest.mark.parametrize(
    ("raw", "letters", "values", "headers"),
    [
        (b"Subject: x\r\n\r\n" + b"x" * 1_500_000, 131_072, 1, 1),
        (MULTIPART + texts(20, 100_000), 16_384, 20, 1),
        (MULTIPART + texts(400, 3_000), 1_024, 400, 1),
        (MULTIPART[:-2] + HEADERS + b"\r\n" + texts(20, 20_000), 16_384, 20, 100),
        (MULTIPART[:-2] + HEADERS + b"\r\n" + texts(300, 10_000), 1_024, 300, 100),
    ],
)
def test_the_longest_go_first_and_no_more_than_has_to(raw: bytes, letters: int, values: int, headers: int) -> None:
    email = parse(raw)
    short = fit(email, 900_000)
    assert [len(value.value) for value in short.body_values.values()] == [letters] * values
    assert all(value.is_truncated for value in short.body_values.values())
    assert short.headers == email.headers[:headers]


def files(count: int, name: bytes = b"report") -> bytes:
    """Each behind a text of its own, as a list archive sends them."""
    one = b'--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pdf; name="%s %d.pdf"\r\n\r\nfile\r\n'
    return b"".join(one % (name, number) for number in range(count))


@pytest.mark.parametrize(
    ("count", "name", "kept"),
    [(700, b"report", 400), (5_000, b"report", 400), (900, b"n" * 200, 400), (900, b"n" * 1_400, 100)],
)
def test_every_file_that_is_told_has_the_name_under_which_it_is_stored(count: int, name: bytes, kept: int) -> None:
    email = parse(MULTIPART + files(count, name))
    short = fit(email, 900_000)
    assert [part.part_id for part in short.attachments] == [part.part_id for part in email.attachments[:kept]]
    named = {part: facts.safe_name for part, facts in short.mailweir.parts.items() if facts.safe_name}
    assert {part: name for part, name in named.items() if int(part) % 2 == 0} == {
        part.part_id: email.mailweir.parts[part.part_id or ""].safe_name for part in short.attachments
    }


def test_a_text_that_is_short_is_not_called_cut() -> None:
    short = fit(parse(MULTIPART + texts(1, 1_500_000) + texts(1, 10)), 900_000)
    assert [value.is_truncated for value in short.body_values.values()] == [True, False]


def test_lists_keep_as_many_entries_as_fit() -> None:
    assert len(fit(parse(LARGE["addresses"]), 800_000).to or ()) == 1_000
    email = parse(b"Subject: x\r\n\r\nhello")
    reports = [DeliveryReport(part="1", recipients=(RecipientStatus(diagnostic="d" * 2_000),) * 150)] * 150
    large = replace(email, mailweir=replace(email.mailweir, delivery_reports=tuple(reports)))
    for limit, entries, letters in ((12_000_000, 100, 1_024), (900_000, 10, 256), (20_000, 1, 128)):
        found = fit(large, limit).mailweir.delivery_reports
        assert [len(report.recipients) for report in found] == [entries] * entries
        assert len(found[0].recipients[0].diagnostic or "") == letters
