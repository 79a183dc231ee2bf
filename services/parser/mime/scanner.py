"""The tree of parts with exact offsets (RFC 2046 section 5.1), by one pass over the octets and an explicit stack.

Each line that starts with two hyphens is looked up among the open boundaries: innermost or not, prefix of another or
not, the exact token decides. So the cost depends on neither depth nor the number of open multiparts.
"""

import re
from typing import Final

from services.common.email import Defect
from services.parser.mime import blocks, content, fields
from services.parser.mime.content import Content
from services.parser.mime.limits import Limits
from services.parser.mime.result import Octets
from services.parser.mime.scanning import Frame, Hit, Scan, common
from services.parser.mime.tree import Part, Tree

_FIRST_WINDOW: Final = 4096
_PART_WINDOW: Final = 512
_LONGEST_BOUNDARY: Final = 16_384
_PADDING: Final = 256
_GUESS_WINDOW: Final = 65_536
_HUNT_WINDOW: Final = 8_192
_PART_STARTS: Final = re.compile(rb"\n--[^\n]{1,1000}\n(?=Content-)", re.IGNORECASE)
_BEHIND_TOKEN: Final = frozenset({b"", b"-", b" ", b"\t", b"\r", b"\n"})


def scan(data: Octets, limits: Limits, defects: list[Defect]) -> Tree:
    """All parts of the message ``data``. Nothing raises; what is wrong is told in ``defects``."""
    start, newline = blocks.start_of(data, defects)
    state = Scan(data, len(data), newline, limits, defects)
    root = _open_part(state, start, "", content.PLAIN)
    position: int | None = root.body
    while position is not None and state.stack:
        position = _step(state, position)
    _close_all(state)
    if root.children is None:
        root.path = "1"
    return Tree(root, state.parts)


def _step(state: Scan, position: int) -> int | None:
    """Go to the next delimiter line and do what it says; None at the end."""
    hit = _next_delimiter(state, _skipped(state, position), state.end)
    if hit is None:
        return None
    _close_above(state, hit)
    frame = hit.frame
    if frame.current is not None:
        frame.current.end = max(hit.cut, frame.current.body)
    if hit.closing:
        _pop(state)
        if frame.part.children is None:
            _end_here(state, frame.part, hit.cut)
        return hit.after
    if len(state.parts) + len(state.stack) > state.limits.parts:
        state.defects.append(Defect("limit.parts", None, hit.after))
        frame.current = _last_part(state, frame, hit.after)
        return None
    adopter = frame.adopter
    path = f"{adopter.path}.{len(adopter.children or ()) + 1}" if adopter.path else str(len(adopter.children or ()) + 1)
    frame.current = _open_part(state, hit.after, path, frame.child, frame)
    return frame.current.body


def _end_here(state: Scan, part: Part, cut: int) -> None:
    """What stands behind the end of a multipart without parts is no part of its text."""
    part.end = max(cut, part.body)
    if state.stack:
        state.stack[-1].current = None


def _skipped(state: Scan, position: int) -> int:
    """Past what cannot hold a delimiter: base64 has no hyphen, and one octet is found much faster than a line."""
    current = state.stack[-1].current
    if current is None or current.content.encoding != "base64":
        return position
    hyphen = state.data.find(b"-", position, state.end)
    return state.end if hyphen < 0 else max(position, hyphen - 1)


def _last_part(state: Scan, frame: Frame, start: int) -> Part:
    """Everything behind the last part that is counted, as it is."""
    kept = Content("application/octet-stream")
    part = Part(
        f"{frame.adopter.path}.{len(frame.adopter.children or ()) + 1}".lstrip("."),
        fields.NOTHING,
        kept,
        start,
        start,
        state.end,
    )
    _adopt(state, frame.adopter, part)
    return part


def _adopt(state: Scan, adopter: Part, part: Part) -> None:
    state.parts.append(part)
    if adopter.children is None:
        adopter.children = []
    adopter.children.append(part)


def _next_delimiter(state: Scan, position: int, end: int) -> Hit | None:
    data, newline, tokens = state.data, state.newline, state.tokens
    needle = state.stack[-1].needle
    width = state.longest + _PADDING
    only = len(needle) if len(tokens) == 1 else 0
    at = data.find(needle, max(position - 1, 0), end)
    while at >= 0:
        if only and data[at + only : at + only + 1] not in _BEHIND_TOKEN:
            at = data.find(needle, at + 1, end)
            continue
        line = data[at + 3 : at + 3 + width]
        length = line.find(newline)
        if length >= 0 or at + 3 + width >= state.end:
            token = (line[:length] if length >= 0 else line).rstrip(b" \t\r")
            frame = tokens.get(token)
            closing = frame is None and token.endswith(b"--")
            if closing:
                frame = tokens.get(token[:-2])
            if frame is not None:
                after = at + 4 + length if length >= 0 else state.end
                return Hit(_cut(state, at, line[:length]), after, frame, closing)
        at = data.find(needle, at + 1, end)
    return None


def _cut(state: Scan, at: int, line: bytes) -> int:
    """Where the line end before a delimiter starts: CR CR LF is one where the delimiter has it too."""
    before = state.data[max(at - 2, 0) : at] if state.newline == b"\n" else b""
    if before == b"\r\r" and line.endswith(b"\r\r"):
        return at - 2
    return at - 1 if before.endswith(b"\r") else at


def _close_above(state: Scan, hit: Hit) -> None:
    """Multiparts inside the one that goes on have no end of their own."""
    while state.stack[-1] is not hit.frame:
        frame = state.stack[-1]
        if frame.current is not None:
            frame.current.end = max(hit.cut, frame.current.body)
        frame.part.end = max(hit.cut, frame.part.body)
        state.defects.append(Defect("multipart.no-end", frame.part.path or None, hit.cut))
        _pop(state)


def _close_all(state: Scan) -> None:
    while state.stack:
        state.defects.append(Defect("multipart.no-end", state.stack[-1].part.path or None, state.end))
        _pop(state)


def _pop(state: Scan) -> None:
    frame = state.stack.pop()
    if frame.covered is None:
        del state.tokens[frame.token]
    else:
        state.tokens[frame.token] = frame.covered
    if frame.part.children is None and frame.adopter is frame.part:
        _demote(state, frame.part, "multipart.no-parts")


def _demote(state: Scan, part: Part, code: str) -> None:
    """A multipart without parts is the text that stands in it."""
    state.defects.append(Defect(code, part.path or None, part.body))
    said = part.content
    part.content = Content(
        "text/plain", said.typed, said.encoding, said.disposed, said.cid, said.location, said.language
    )


def _open_part(state: Scan, start: int, path: str, default: Content, frame: Frame | None = None) -> Part:
    block, body = _header_block(state, start)
    header, described = blocks.described(
        block, start, path or None, default, state.limits, state.defects, state.charset or state.guessed
    )
    if state.charset is None and fields.tells(described.charset):
        state.charset = described.charset
    if not path:
        state.guessed = header.looks
    if header.end is not None:
        body = start + header.end
    part = Part(path, header, described, start, body, state.end)
    if not described.type.startswith("multipart/"):
        _place(state, part, frame)
        return part
    token = _token(state, part)
    if not token:
        _place(state, part, frame)
        _demote(state, part, "multipart.no-boundary")
    else:
        _push(state, part, token, frame)
    return part


def _place(state: Scan, part: Part, frame: Frame | None) -> None:
    if frame is None:
        state.parts.append(part)
    else:
        _adopt(state, frame.adopter, part)


def _push(state: Scan, part: Part, token: bytes, frame: Frame | None) -> None:
    """Open a multipart; beyond the depth limit its children go to the last level that is told."""
    flat = frame is not None and len(state.stack) >= state.limits.depth
    if flat and frame is not None:
        if len(state.stack) == state.limits.depth:
            state.defects.append(Defect("limit.depth", part.path, part.start))
        adopter = frame.adopter
    else:
        _place(state, part, frame)
        adopter = part
    prefix = common(state.stack[-1].prefix, token) if state.stack else token
    child = content.MESSAGE if part.content.type == "multipart/digest" else content.PLAIN
    opened = Frame(part, token, state.tokens.get(token), state.newline + b"--" + prefix, prefix, adopter, child)
    state.stack.append(opened)
    state.tokens[token] = opened
    state.longest = max(state.longest, len(token))


def _token(state: Scan, part: Part) -> bytes:
    """The boundary as octets; without the parameter, or where it stands nowhere in the message, a guess.

    Without it the first line that looks like a delimiter is taken; in place of one that was told, only a line with a
    Content field behind it.
    """
    boundary = part.content.params.get("boundary")
    if boundary is None:
        head = _head(state, part)
        return _guessed(state, part, head, head.find(state.newline + b"--"))
    codec = "utf-8" if part.header.codec == "ascii" else part.header.codec
    token = boundary.encode(codec, "replace").rstrip()
    if len(token) > _LONGEST_BOUNDARY:
        return b""
    if not token or not _is_nowhere(state, part, token):
        return token
    head = _head(state, part)
    found = _PART_STARTS.search(head, 0, len(head) if not state.stack else _HUNT_WINDOW)
    if found is None or (state.stack and _next_delimiter(state, part.body, part.body + found.start())):
        return token
    return _guessed(state, part, head, found.start()) or token


def _is_nowhere(state: Scan, part: Part, token: bytes) -> bool:
    """True where a boundary is not used: in the whole message, or at the start of a nested multipart."""
    if not state.stack:
        return state.data.find(b"--" + token, part.body, state.end) < 0
    if state.hunts == 0 or state.data.find(b"--" + token, part.body, min(part.body + _HUNT_WINDOW, state.end)) >= 0:
        return False
    state.hunts -= 1
    return True


def _head(state: Scan, part: Part) -> bytes:
    """What a guess may see of a multipart: the line end before its body, and the first octets of that."""
    return state.newline + state.data[part.body : min(part.body + _GUESS_WINDOW, state.end)]


def _guessed(state: Scan, part: Part, head: bytes, at: int) -> bytes:
    """The token of the delimiter line at ``at`` of the head; empty when there is none (-1), or it is another's."""
    line = head[at + 3 : at + 3 + _LONGEST_BOUNDARY].partition(state.newline)[0].rstrip() if at >= 0 else b""
    if line and line not in state.tokens:
        state.defects.append(Defect("multipart.boundary-guessed", part.path or None, part.body + at))
        return line
    return b""


def _header_block(state: Scan, start: int) -> tuple[bytes, int]:
    """The octets of the fields, and where the body starts: at the empty line, or at a delimiter before it."""
    width = _PART_WINDOW if state.stack else _FIRST_WINDOW
    while True:
        stop = min(start + width, state.end)
        head = state.data[start:stop]
        length, skipped = blocks.empty_line(head, state.newline)
        end = start + length if skipped else stop
        hit = _next_delimiter(state, start, end) if state.stack else None
        if hit is not None:
            cut = max(hit.cut, start)
            return _bounded(state, start, head[: cut - start]), cut
        if skipped:
            return _bounded(state, start, head[:length]), start + skipped
        if stop == state.end:
            return _bounded(state, start, head), stop
        width *= 4


def _bounded(state: Scan, start: int, block: bytes) -> bytes:
    """The header block, cut at a line end when it is too long."""
    if len(block) <= state.limits.header_block:
        return block
    state.defects.append(Defect("limit.header-block", None, start + state.limits.header_block))
    block = block[: state.limits.header_block]
    return block[: block.rfind(state.newline) + 1]
