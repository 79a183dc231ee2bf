"""A secret text that does not show itself: its text form is ``***`` (docs/secrets.md)."""

import hmac
from typing import NoReturn

MASK = "***"
MOST = 65_536


def is_one_line(text: str) -> bool:
    """Whether a typed or read text can be a secret: one line, not empty, not longer than ``MOST`` octets."""
    return bool(text.strip()) and len(text.encode()) <= MOST and not any(mark in text for mark in "\r\n\0")


class Secret:
    """A password, authorization code, token or key. Only :meth:`reveal` gives the text."""

    __hash__ = None  # type: ignore[assignment]
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The text itself; call it where the text goes on the wire, nowhere else."""
        text: str = object.__getattribute__(self, "_text")
        return text

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret is frozen")

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
