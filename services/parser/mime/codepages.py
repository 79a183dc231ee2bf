"""Code pages of Windows, by whose numbers TNEF (MS-OXTNEF) and RTF name a charset."""

from typing import Final

_BY_NUMBER: Final = {
    936: "gb18030",
    1200: "utf-16le",
    1201: "utf-16be",
    10000: "macintosh",
    20127: "us-ascii",
    20866: "koi8-r",
    20932: "euc-jp",
    21866: "koi8-u",
    38598: "iso-8859-8",
    50220: "iso-2022-jp",
    50221: "iso-2022-jp",
    50222: "iso-2022-jp",
    50225: "iso-2022-kr",
    51932: "euc-jp",
    51936: "gb18030",
    51949: "euc-kr",
    52936: "hz-gb-2312",
    54936: "gb18030",
    65000: "utf-7",
    65001: "utf-8",
}
_ISO_8859: Final = 28590
_WINDOWS: Final = range(1250, 1259)


def label(number: int) -> str:
    """The charset label of a code page; an unknown number gives one that no codec has."""
    if number in _BY_NUMBER:
        return _BY_NUMBER[number]
    if _ISO_8859 < number <= _ISO_8859 + 16:
        return f"iso-8859-{number - _ISO_8859}"
    return f"windows-{number}" if number in _WINDOWS else f"cp{number}"
