"""Bounds that all parts of a message have in common, those of nested messages among them."""

from base64 import encodebytes

import pytest

from services.parser.mime import Limits, parse, parse_message
from tests.unit.parser.tnef_builder import file, rtf_body, stream

HEAD = b"From: a@b.example\nMessage-ID: <1@b>\nSubject: s\n"
EVENT = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:%d\nSUMMARY:tea\nEND:VEVENT\nEND:VCALENDAR\n"


@pytest.mark.parametrize("around", [b"", b"Content-Type: message/rfc822\n\n"], ids=["parts", "nested messages"])
def test_invitations_of_one_message_share_one_limit(around: bytes) -> None:
    parts = b"".join(b"--b\n" + around + b"Content-Type: text/calendar\n\n" + EVENT % n for n in range(3))
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + parts
    facts = parse(raw, limits=Limits(calendar=2 * (len(EVENT % 0) - 1))).mailweir
    told = [facts, *[child.email.mailweir for child in facts.children]]
    assert [digest.uid for found in told for digest in found.calendars] == ["0", "1"]
    assert [defect.code for found in told for defect in found.defects if defect.code.startswith("limit")] == [
        "limit.calendars"
    ]


def test_files_inside_of_parts_share_one_limit() -> None:
    text = b"--b\n\n" + b"begin 644 a.txt\n#0V%T\n`\nend\n" * 2
    tnef = b"--b\nContent-Type: application/ms-tnef\n\n" + stream(file(b"a", b"1"), file(b"b", b"2")) + b"\n"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + text + tnef + text + tnef
    whole, some, none = (parse_message(raw, limits=Limits(files=most)) for most in (8, 3, 0))
    derived = [[item.part_id for item in found.files if ".d" in item.part_id] for found in (whole, some, none)]
    assert derived == [[f"{1 + n // 2}.d{n + 1}" for n in range(8)], ["1.d1", "1.d2", "2.d3"], []]
    codes = [
        [defect.code for defect in found.email.mailweir.defects if "limit" in defect.code] for found in (some, none)
    ]
    assert codes == [["limit.tnef-files", "limit.files", "limit.tnef-files"], ["limit.files", "limit.tnef-files"] * 2]


def test_bodies_of_rtf_share_one_limit() -> None:
    winmail = b"--b\nContent-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n"
    parts = [winmail + encodebytes(rtf_body(rb"{\rtf1" + text + b"}")) for text in (b"{" * 90, b" tea", b" milk")]
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(parts)
    facts = parse(raw).mailweir
    assert (facts.derived_text, facts.defects[-1].code) == ("tea", "multipart.no-end")
    facts = parse(raw, limits=Limits(html=2 * 100)).mailweir
    assert (facts.derived_text, [defect.code for defect in facts.defects][:2]) == (None, ["limit.rtf", "limit.rtf"])
