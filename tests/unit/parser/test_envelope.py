import pytest

from services.common.email import Defect
from services.parser.mime import fields, parse_message
from services.parser.mime.envelope import Envelope
from services.parser.mime.limits import Limits


def read(block: str, limits: Limits = Limits()) -> tuple[Envelope, list[str]]:
    defects: list[Defect] = []
    header = fields.parse(block.encode(), 0, None, defects)
    return Envelope(header, None, limits, defects), [defect.code for defect in defects]


def test_everything_absent_is_none() -> None:
    found, codes = read("X: y\n")
    said = {name: getattr(found, name) for name in dir(found) if not name.startswith("_")}
    assert "subject" in said
    assert set(said.values()) == {None}
    assert codes == []


def test_repeated_recipients_are_one_list_and_the_first_sender_counts() -> None:
    found, codes = read("To: a@b\nFrom: x@y\nTo: c@d\nFrom: z@z\n")
    assert [address.email for address in found.to or ()] == ["a@b", "c@d"]
    assert [address.email for address in found.from_ or ()] == ["x@y"]
    assert codes == ["header.repeated-from"]


def test_in_reply_to_stands_in_for_empty_references() -> None:
    found, _ = read("In-Reply-To: <a@b>\nReferences:\n")
    assert (found.references, found.in_reply_to) == (("a@b",), ("a@b",))


def test_an_unusable_date_is_kept_as_sent() -> None:
    found, codes = read("Date: Mon, 31 Nov 2026 10:00:00 +0100\n")
    assert (found.sent_at, found.sent_at_raw) == (None, "Mon, 31 Nov 2026 10:00:00 +0100")
    assert codes == ["date.unusable"]


def test_the_newest_received_field_is_the_first() -> None:
    found, _ = read("Received: x; Fri, 20 Nov 2026 17:12:00 +0000\nReceived: y; Thu, 19 Nov 2026 17:12:00 +0000\n")
    assert found.received is not None
    assert found.received.isoformat() == "2026-11-20T17:12:00+00:00"


def test_lists_as_long_as_a_limit_are_whole() -> None:
    found, codes = read("To: a@b,c@d\nReferences: <a@b> <a@b> <a@b> <c@d>\n", Limits(addresses=2, references=2))
    assert (len(found.to or ()), found.references, codes) == (2, ("a@b", "c@d"), [])


@pytest.mark.parametrize(
    ("field", "octets", "expected"),
    [
        ("<a@b> <c@d>", 8, None),
        ("<a@b> <ccc@d> <e@f>", 12, ("a@b", "e@f")),
        ("<a@b> <ccc@d> <ddd@e> <g@h>", 18, ("a@b", "g@h")),
        ("a@b ccc@d ddd@e g@h", 10, ("a@b", "g@h")),
    ],
)
def test_of_references_in_a_field_that_is_too_long_the_middle_is_left_out(
    field: str, octets: int, expected: tuple[str, ...] | None
) -> None:
    found, codes = read(f"References: {field}\n", Limits(field=octets))
    assert (found.references, codes) == (expected, ["limit.field"])


def test_of_too_many_references_root_and_parent_stay() -> None:
    named = " ".join(f"<{number}@x>" for number in range(10))
    found, codes = read(f"References: {named}\n", Limits(references=3))
    assert (found.references, codes) == (("0@x", "8@x", "9@x"), ["limit.references"])
    assert read(f"References: {named}\n", Limits(references=1))[0].references == ("0@x",)


def test_limits_are_told() -> None:
    limits = Limits(addresses=3, references=2, field=60)
    found, codes = read("To: " + "a@b," * 50 + "\nReferences: <a@b> <c@d> <e@f>\n", limits)
    assert len(found.to or ()) == 3
    assert len(found.references or ()) == 2
    assert set(codes) == {"limit.field", "limit.addresses", "limit.references"}


RAW = (
    "From: 陈伟 <chen@example.cn>\r\nTo: b@example.com\r\nSubject: 关于召开第四季度工作会议的通知\r\n"
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{text}\r\n\r\nhello\r\n"
    '--b\r\nContent-Type: application/pdf; name="议程.pdf"\r\n'
    'Content-Disposition: attachment; filename="议程.pdf"\r\n\r\nx\r\n--b--\r\n'
)


@pytest.mark.parametrize("text", ["", "Content-Type: text/plain", "Content-Type: text/plain; charset=utf-8"])
def test_raw_octets_too_few_to_tell_are_read_as_all_of_the_header_looks(text):
    """Names of two characters, of a message in which nobody declares what they are in."""
    email = parse_message(RAW.format(text=text).encode("gb18030")).email
    assert (email.subject, email.from_[0].name) == ("关于召开第四季度工作会议的通知", "陈伟")
    assert [file.name for file in email.attachments] == ["议程.pdf"]


def test_fields_in_utf_8_say_nothing_of_raw_octets_in_others():
    utf_8, raw = "X-Note: 关于召开第四季度工作会议的通知\r\n".encode(), "Subject: café\r\n\r\n".encode("latin-1")
    assert parse_message(utf_8 + raw).email.subject == "café"


def test_what_a_text_declares_beats_the_look_of_the_header():
    text = "Content-Type: text/plain; charset=windows-1251"
    email = parse_message(RAW.replace("陈伟", "Иван").format(text=text).encode("gb18030", "replace")).email
    assert email.subject == "关于召开第四季度工作会议的通知".encode("gb18030").decode("windows-1251")
