"""Media type by magic bytes: what a file is, whatever it is called. Pure."""

import re

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"%PDF-", "application/pdf"),
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF....WEBP", "image/webp"),
    (rb"RIFF....WAVE", "audio/wav"),
    (rb"RIFF....AVI ", "video/x-msvideo"),
    (rb"RIFF", "audio/x-riff"),
    (rb"BM....\0{4}", "image/bmp"),  # reserved octets: text may begin with BM, too
    (rb"II\*\0|MM\0\*", "image/tiff"),
    (rb"PK(?:\x03\x04|\x05\x06)", "application/zip"),
    (rb"\x1f\x8b", "application/gzip"),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "application/x-bzip2"),
    (rb"\xfd7zXZ\0", "application/x-xz"),
    (rb"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (rb"Rar!\x1a\x07", "application/vnd.rar"),
    (rb".{257}ustar", "application/x-tar"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (rb"\{\\rtf", "application/rtf"),
    (rb"MZ", "application/vnd.microsoft.portable-executable"),
    (rb"\x7fELF", "application/x-executable"),
    # ISO/IEC 14496-12 section 4.3: what such a file is for, its brand says
    (rb"....ftyphei[cxms]", "image/heic"),
    (rb"....ftyp(?:hev[cxms]|mif1|msf1)", "image/heif"),
    (rb"....ftypavi[fs]", "image/avif"),
    (rb"....ftypM4[AB] ", "audio/mp4"),
    (rb"....ftypqt  ", "video/quicktime"),
    (rb"....ftyp3g", "video/3gpp"),
    (rb"....ftyp", "video/mp4"),
    (rb"OggS", "application/ogg"),
    (rb"ID3", "audio/mpeg"),
    (rb"\x78\x9f\x3e\x22", "application/vnd.ms-tnef"),
    (rb"(?:\xef\xbb\xbf)?BEGIN:VCALENDAR", "text/calendar"),
    (rb"(?:\xef\xbb\xbf)?BEGIN:VCARD", "text/vcard"),
)
_PATTERNS = [(re.compile(signature, re.DOTALL), media) for signature, media in _SIGNATURES]
HEAD_OCTETS = 512


def detect(head: bytes) -> str | None:
    """Media type of a file by its first 512 octets, None when no signature fits."""
    return next((media for pattern, media in _PATTERNS if pattern.match(head)), None)
