"""Magic bytes."""

from services.attachments.detect import detect


def test_types_by_their_first_octets() -> None:
    assert detect(b"%PDF-1.7 ...") == "application/pdf"
    assert detect(b"MZ\x90\x00") == "application/vnd.microsoft.portable-executable"
    assert detect(b"....ftypisom") == "video/mp4"
    assert detect(b"") is None
    assert detect(b"plain text") is None
