"""Magic bytes and headings."""

from hypothesis import given
from hypothesis import strategies as st

from services.attachments.detect import detect
from services.attachments.heading import heading


def test_types_by_their_first_octets() -> None:
    assert detect(b"%PDF-1.7 ...") == "application/pdf"
    assert detect(b"MZ\x90\x00") == "application/vnd.microsoft.portable-executable"
    assert detect(b"....ftypisom") == "video/mp4"
    assert detect(b"") is None
    assert detect(b"plain text") is None


def test_a_heading_is_decoded_and_short() -> None:
    raw = b"From: =?utf-8?B?546L?= <w@x>\r\nSubject: a\r\n =?gb18030?B?us/NrA==?= z\r\n\r\nSubject: body"
    assert heading(raw) == {"from": "王 <w@x>", "subject": "a 合同 z"}
    assert len(heading(b"Subject: " + b"x" * 10_000 + b"\n\n")["subject"]) == 200
    assert heading(b"Subject: =?none?B?!!!?= \x00\x1b[0m\n\n")["subject"].isprintable()


@given(st.binary(max_size=500))
def test_any_bytes_have_a_heading(raw: bytes) -> None:
    assert all(text.isprintable() for text in heading(b"Subject: " + raw + b"\nFrom:" + raw).values())
