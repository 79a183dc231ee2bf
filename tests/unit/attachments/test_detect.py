"""Magic bytes."""

import pytest

from services.attachments.detect import detect


@pytest.mark.parametrize(
    ("head", "media"),
    [
        (b"%PDF-1.7 ...", "application/pdf"),
        (b"MZ\x90\x00", "application/vnd.microsoft.portable-executable"),
        (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36", "image/bmp"),
        (b"RIFF\n\n\n\nWEBPVP8 ", "image/webp"),
        (b"RIFF\x24\x08\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x24\x08\x00\x00AVI LIST", "video/x-msvideo"),
        (b"RIFF\x24\x08\x00\x00ACON", "audio/x-riff"),
        (b"BZh91AY&SY\x00", "application/x-bzip2"),
        (b"PK\x03\x04\x14", "application/zip"),
        (b"\n" * 257 + b"ustar", "application/x-tar"),
        (b"\xef\xbb\xbfBEGIN:VCALENDAR\r\n", "text/calendar"),
    ],
)
def test_types_by_their_first_octets(head: bytes, media: str) -> None:
    assert detect(head) == media


@pytest.mark.parametrize(
    ("brand", "media"),
    [
        (b"isom", "video/mp4"),
        (b"mp42", "video/mp4"),
        (b"heic", "image/heic"),
        (b"mif1", "image/heif"),
        (b"avif", "image/avif"),
        (b"M4A ", "audio/mp4"),
        (b"qt  ", "video/quicktime"),
        (b"3gp4", "video/3gpp"),
    ],
)
def test_photos_and_recordings_of_telephones_are_no_films(brand: bytes, media: str) -> None:
    assert detect(b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x00\x00") == media


@pytest.mark.parametrize(
    "text", [b"", b"plain text", b"BMW, invoice of May", b"BZh what?", b"12345678WEBP", b"%PDX-", b"RIF"]
)
def test_text_is_no_file_of_a_kind(text: bytes) -> None:
    assert detect(text) is None
