"""TNEF, the winmail.dat of Outlook (MS-OXTNEF): the files and the text inside.

A reader of our own, because the library at hand loops as often as a count in the input says, which is up to four
billion times. This one is linear: it copies each octet a bounded number of times and believes no count.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from services.parser.mime import charsets, codepages, htmltext, rtf, rtf_compressed
from services.parser.mime.derived import Derived
from services.parser.mime.mapi import OBJECT, UNICODE, Property, properties

SIGNATURE = b"\x78\x9f\x3e\x22"
TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_HEAD = struct.Struct("<BII")
_U32 = struct.Struct("<I")

_ATTACHMENT_STARTS, _TITLE, _DATA, _PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_BODY, _MESSAGE_PROPERTIES, _CODEPAGE = 0x800C, 0x9003, 0x9007
_PR_DISPLAY_NAME, _PR_DATA, _PR_FILE_NAME, _PR_LONG_NAME = 0x3001, 0x3701, 0x3704, 0x3707
_PR_MIME, _PR_CID, _PR_BODY, _PR_HTML, _PR_RTF = 0x370E, 0x3712, 0x1000, 0x1013, 0x1009
_PR_INTERNET_CODEPAGE = 0x3FDE
_OF_BODIES = frozenset({_PR_BODY, _PR_HTML, _PR_RTF, _PR_INTERNET_CODEPAGE})
_MESSAGE_INTERFACE = bytes.fromhex("0703020000000000c000000000000046")
_INTERFACE = 16

_MOST_FILES = 200
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Tnef:
    """Files in order, the plain and the HTML body where there is one, and the codes of what was odd."""

    files: tuple[Derived, ...] = ()
    text: str | None = None
    html: str | None = None
    defects: tuple[str, ...] = ()
    unpacked: int = 0
    """Octets of RTF that were read for one of these texts."""


@dataclass(slots=True)
class _File:
    title: bytes = b""
    data: memoryview | bytes = b""
    offset: int = 0
    names: dict[int, Property] = field(default_factory=dict)


@dataclass(slots=True)
class _Reading:
    """What one TNEF stream has shown so far; embedded ones wait in ``embedded``."""

    codepage: str | None = None
    text: str | None = None
    html: str | None = None
    rtf: bytes = b""
    files: list[_File] = field(default_factory=list)
    damaged: bool = False


def is_tnef(media_type: str, data: bytes) -> bool:
    """True by type, or by the signature whatever the type says."""
    return media_type in TYPES or data[:4] == SIGNATURE


def read(data: bytes, most: int = _MOST_FILES, most_rtf: int = rtf_compressed.LIMIT) -> Tnef:
    """What is inside; of an embedded message its files follow those of the outer one (five levels, 200 files).

    Never raises. Damage gives what was read until there and ``tnef.damaged``; no signature gives ``tnef.not-tnef``.
    ``most`` lowers the bound of the files, and that there are more is ``limit.tnef-files``; ``most_rtf`` that of the
    octets that a compressed body becomes, and that there are more is ``limit.rtf``.
    """
    most = min(most, _MOST_FILES)
    if data[:4] != SIGNATURE:
        return Tnef(defects=("tnef.not-tnef",))
    outer = _reading(memoryview(data))
    damaged = outer.damaged
    files: list[Derived] = []
    level = outer.files
    codepage = outer.codepage
    more = False
    for _ in range(_DEEPEST):
        embedded: list[_File] = []
        more = more or len(level) > most - len(files)
        for file in level[: most - len(files)]:
            made, inner = _derived(file, codepage)
            files.append(made)
            damaged = damaged or inner.damaged
            embedded += inner.files
        level = embedded
    defects = ("tnef.damaged",) * damaged + ("limit.tnef-files",) * (more or bool(level))
    if outer.text or outer.html:
        return Tnef(tuple(files), outer.text, outer.html, defects)
    plain = rtf_compressed.unpacked(outer.rtf, most_rtf + 1) or b""
    text, html = _of_rtf(plain[:most_rtf])
    return Tnef(tuple(files), text, html, defects + ("limit.rtf",) * (len(plain) > most_rtf), min(len(plain), most_rtf))


def _of_rtf(plain: bytes) -> tuple[str | None, str | None]:
    """The text or the HTML in a body of RTF."""
    found = rtf.read(plain)
    return (None, found.value) if found.html else (found.value or None, None)


def _reading(data: memoryview) -> _Reading:
    state = _Reading()
    for tag, offset, content in _attributes(data, state):
        if tag == _ATTACHMENT_STARTS:
            state.files.append(_File(offset=offset))
        elif tag in {_TITLE, _DATA, _PROPERTIES}:
            _of_file(state, tag, offset, content)
        elif tag == _CODEPAGE and len(content) >= 4:
            state.codepage = codepages.label(_U32.unpack_from(content)[0])
        elif tag == _BODY:
            state.text = state.text or _decoded(bytes(content), state.codepage)
        elif tag == _MESSAGE_PROPERTIES:
            _bodies(state, content)
    return state


def _attributes(data: memoryview, state: _Reading) -> Iterator[tuple[int, int, memoryview]]:
    """Attribute id, offset and content (MS-OXTNEF section 2.1.3.1): level, tag, length, content, checksum."""
    position = 6
    while position + _HEAD.size < len(data):
        level, tag, length = _HEAD.unpack_from(data, position)
        start = position + _HEAD.size
        if level not in {1, 2} or start + length > len(data):
            state.damaged = True
        if level not in {1, 2}:
            return
        yield tag & 0xFFFF, start, data[start : start + length]
        position = start + length + 2
    state.damaged = state.damaged or position < len(data)


def _of_file(state: _Reading, tag: int, offset: int, content: memoryview) -> None:
    if not state.files:
        state.files.append(_File(offset=offset))
    file = state.files[-1]
    if tag == _TITLE:
        file.title = bytes(content)
    elif tag == _DATA:
        file.data = file.data or content
    else:
        for item in properties(content):
            file.names.setdefault(item.id, item)


def _bodies(state: _Reading, content: memoryview) -> None:
    found = {item.id: item for item in properties(content) if item.id in _OF_BODIES}
    if _PR_BODY in found:
        state.text = _string(found[_PR_BODY], state.codepage) or state.text
    if _PR_HTML in found:
        page = found[_PR_HTML]
        said = _codepage(found.get(_PR_INTERNET_CODEPAGE)) or htmltext.charset_of(page.value)
        state.html = _string(page, said) or state.html
    if _PR_RTF in found:
        state.rtf = found[_PR_RTF].value


def _codepage(item: Property | None) -> str | None:
    """What an HTML body is in (MS-OXPROPS section 2.744), whatever the code page of the other texts."""
    return None if item is None or len(item.value) != _U32.size else codepages.label(_U32.unpack(item.value)[0])


def _derived(file: _File, codepage: str | None) -> tuple[Derived, _Reading]:
    """The file, and what is inside when it is an embedded message."""
    found = {tag: _string(item, codepage) for tag, item in file.names.items() if tag != _PR_DATA}
    title = _decoded(file.title, codepage)
    name = found.get(_PR_LONG_NAME) or title or found.get(_PR_FILE_NAME) or found.get(_PR_DISPLAY_NAME)
    made = Derived(
        name=name or None,
        type=(found.get(_PR_MIME) or "").lower() or None,
        data=bytes(file.data),
        offset=file.offset,
        length=len(file.data),
        cid=(found.get(_PR_CID) or "").strip("<>") or None,
    )
    whole = file.names.get(_PR_DATA)
    if whole is None or made.data:
        return made, _Reading()
    if whole.type == OBJECT and whole.value[:_INTERFACE] == _MESSAGE_INTERFACE:
        inside = whole.value[_INTERFACE:]
        made = replace(made, data=inside, length=len(inside), type=made.type or "application/ms-tnef")
        return made, _reading(memoryview(inside)) if inside[:4] == SIGNATURE else _Reading(damaged=True)
    data = whole.value[_INTERFACE:] if whole.type == OBJECT else whole.value
    return replace(made, data=data, length=len(data)), _Reading()


def _string(item: Property, codepage: str | None) -> str:
    if item.type == UNICODE:
        return _clean(item.value.decode("utf-16-le", "replace"))
    return _decoded(item.value, codepage)


def _decoded(value: bytes, codepage: str | None) -> str:
    return _clean(charsets.decode(value.rstrip(b"\0"), codepage).value)


def _clean(text: str) -> str:
    return text.partition("\0")[0]
