"""Address lists (RFC 5322 section 3.4): split first, decode second, so that a decoded comma forges nothing."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

from services.common.email import EmailAddress
from services.parser.mime import words

_PLAIN: Final = re.compile(r"[^\s\"(),:;<>@\[\]\\]++@([A-Za-z0-9.-]++)")
_NAMED: Final = re.compile(
    r"(?:\"([^\"\\]*+)\"|([^\"(),:;<>@\[\]\\]*+))\s*+<([^\s\"(),:;<>@\[\]\\]++)@([A-Za-z0-9.-]++)>"
)
_TOKEN: Final = re.compile(
    r"(?:=\?[^?\s]{1,100}\?[bBqQ]\?[^?<>]{0,1000}\?=\s*+)+|\"[^\"\\]*+(?:\\.[^\"\\]*+)*\"|\\.|\[[^\[\]]{0,100}\]|\(++|\)++"
    r"|[,:;<>]|[^\"\\(),:;<>=\[]+|.",
    re.DOTALL,
)
_WITHOUT_COMMENTS: Final = re.compile(_TOKEN.pattern.replace(r"|\(++|\)++", "").replace("(),:", ",:"), re.DOTALL)
_BLANKS: Final = re.compile(r"\s+")
_SPECIAL: Final = re.compile(r"[\"(:;\\]")
_CACHED: Final = 256
_LONGEST_GROUP: Final = 256
"""Characters of a group's name, which is told again with each of its members: up to 10,000 times."""
_AROUND_AT: Final = re.compile(r"\s*+@\s*+")
_AROUND_DOT: Final = re.compile(r"\s++\.\s*+(?=[A-Za-z0-9-]++(?:\s*+[.@]|\Z))")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def parse(value: str, limit: int = 10_000) -> tuple[EmailAddress, ...]:
    """Mailboxes of a field in order, groups flattened; never more than ``limit``."""
    return _cached(value, limit) if len(value) <= _CACHED else _parse(value, limit)


def _parse(folded: str, limit: int) -> tuple[EmailAddress, ...]:
    value = words.unfold(folded)
    single = _single(value)
    if single is not None:
        return (single,)
    if _SPECIAL.search(value) is None:
        pieces = value.split(",", limit)[:limit]
        simple = [_single(piece) for piece in pieces if piece and not piece.isspace()]
        if None not in simple:
            return tuple([address for address in simple if address is not None])
    return tuple(islice(_general(value), limit))


_cached: Final = lru_cache(maxsize=4096)(_parse)


def _single(value: str) -> EmailAddress | None:
    value = value.strip()
    match = _NAMED.fullmatch(value)
    if match:
        quoted, bare, local, domain = match.groups()
        return _address(quoted or bare or "", f"{local}@{domain.lower()}", domain, None)
    match = _PLAIN.fullmatch(value)
    if match:
        at = value.rfind("@")
        return _address("", value[:at] + value[at:].lower(), match[1], None)
    return None


def _address(name: str, email: str, domain: str, group: str | None) -> EmailAddress:
    shown = _name(name)
    if "xn--" not in domain.lower() and domain.isascii():
        return EmailAddress(shown, email, group)
    return EmailAddress(shown, email, group, _unicode(email))


def _name(raw: str) -> str | None:
    if not raw:
        return None
    if "=?" not in raw and raw.isascii() and raw.isprintable() and "  " not in raw:
        return raw.strip() or None
    text = words.clean(words.decode(raw))
    return " ".join(text.split()) or None


def _unicode(email: str) -> str | None:
    """The address with its domain in Unicode (RFC 5891), None when that is no domain name."""
    local, _, domain = email.rpartition("@")
    if len(domain) > 253:
        return None
    try:
        labels = [_label(label) for label in domain.split(".")]
    except UnicodeError:
        return None
    return f"{local}@{'.'.join(labels)}"


def _label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    text = label[4:].encode("ascii").decode("punycode")
    if not text.isprintable():
        raise UnicodeError
    return text


class _Mailbox:
    """What was read of one list element."""

    def __init__(self, group: str | None = None) -> None:
        self.group = group
        self.phrase: list[str] = []
        self.angle: list[str] = []
        self.comment: list[str] = []
        self.before = 0
        """How much of the phrase stands before the bracket."""
        self.bracketed = False
        self.inside = False
        self.addressed = False
        """An address stands in the phrase or in the bracket, so that a comma ends it."""


def _general(value: str) -> Iterator[EmailAddress]:
    for box in _mailboxes(_items(value)):
        address = _mailbox(box)
        if address is not None:
            yield address


def _items(value: str) -> list[str]:
    """The tokens of a list; brackets that do not balance are text."""
    items: list[str] = _TOKEN.findall(value)
    if "(" not in value:
        return items
    depth = 0
    for item in items:
        if item[0] == "(":
            depth += len(item)
        elif item[0] == ")":
            depth = max(depth - len(item), 0)
    return items if depth == 0 else _WITHOUT_COMMENTS.findall(value)


def _mailboxes(items: list[str]) -> Iterator[_Mailbox]:
    box, depth = _Mailbox(), 0
    for item in items:
        if depth or (item[0] == "(" and not item.strip("(")):
            depth = max(depth + (len(item) if item[0] == "(" else -len(item) if item[0] == ")" else 0), 0)
            box.comment.append(item)
        elif item in _DELIMITERS:
            ended = _delimit(box, item)
            if ended is not None:
                yield box
                box = ended
        else:
            (box.angle if box.inside else box.phrase).append(item)
            box.addressed = box.addressed or "@" in item.strip()[1:]
    yield box


_DELIMITERS: Final = frozenset("<>,:;")


def _delimit(box: _Mailbox, item: str) -> _Mailbox | None:
    """Act on a delimiter; the next mailbox when it ends this one."""
    if item == "<":
        return _open(box)
    if item == ">":
        box.inside = False
    elif item == "," and not (box.inside and not box.addressed):
        return _Mailbox(box.group)
    elif item == ";" and not (box.inside and not box.addressed):
        return _Mailbox()
    elif item == ":" and not box.inside and not box.addressed and box.group is None:
        name = _name(_plain(box.phrase)) or ""
        box.group, box.phrase = None if name.lower() == "mailto" else name[:_LONGEST_GROUP], []
    else:
        (box.angle if box.inside else box.phrase).append(item)
    return None


def _open(box: _Mailbox) -> _Mailbox | None:
    """A second bracket: the first held an address of its own, or belongs to the name."""
    if box.inside and not box.angle:
        return None
    ended = _Mailbox(box.group) if box.bracketed and box.addressed and not box.inside else None
    if ended is not None:
        box.phrase, ended.phrase = box.phrase[: box.before], box.phrase[box.before :]
    elif box.bracketed:
        box.phrase += ["<", *box.angle, ">"]
        box.angle = []
    opened = ended or box
    opened.before = len(opened.phrase)
    opened.bracketed = opened.inside = True
    return ended


def _mailbox(box: _Mailbox) -> EmailAddress | None:
    name = _plain(box.phrase)
    if box.bracketed:
        email = _email("".join(box.angle))
    else:
        name, email = _unbracketed("".join(box.phrase).strip(), name)
    if not email and not name:
        return None
    name = name or _comment("".join(box.comment))
    return _address(name, email, email.rpartition("@")[2], box.group)


def _plain(phrase: list[str]) -> str:
    """A phrase without its quotes."""
    return "".join([_unquoted(item) if item[0] in '"\\' else item for item in phrase]).strip()


def _unquoted(item: str) -> str:
    if item[0] == "\\":
        return item[1:] or item
    if len(item) > 1 and item[0] == item[-1] == '"':
        item = item[1:-1]
    return _ESCAPED.sub(r"\1", item) if "\\" in item else item.strip('"')


def _unbracketed(text: str, name: str) -> tuple[str, str]:
    """An address without brackets, after a name or alone."""
    if "@" not in text:
        bare = text == name and not _BLANKS.search(text) and not text.startswith("=?")
        return ("", text) if bare else (name, "")
    text = _AROUND_DOT.sub(".", _AROUND_AT.sub("@", text))
    head, _, last = text.rpartition(" ")
    if not _BLANKS.search(text) or ('"' in text and ("@" not in last or '"' in last)):
        return "", _email(text)
    if '"' in text:
        return _unquoted(head.strip()), _email(last)
    pieces = text.split()
    email = next(piece for piece in reversed(pieces) if "@" in piece)
    return " ".join(piece for piece in pieces if piece != email), _email(email)


def _email(text: str) -> str:
    text = text.strip()
    if text.startswith("@") and ":" in text:  # an obsolete route (RFC 5322 section 4.4)
        text = text.rpartition(":")[2]
    if text[:7].lower() == "mailto:":
        text = text[7:]
    if '"' not in text:
        text = _BLANKS.sub("", text)
    local, at, domain = text.rpartition("@")
    return words.clean(f"{local}@{domain.strip().lower()}" if at else text)


def _comment(text: str) -> str:
    """The words of the comments: outer brackets go, those inside stay."""
    text = text.strip().replace(")(", " ").removeprefix("(").removesuffix(")")
    return _ESCAPED.sub(r"\1", text).strip()
