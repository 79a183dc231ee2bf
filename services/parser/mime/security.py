"""S/MIME (RFC 8551) and PGP (RFC 3156) protection: found, never undone."""

from collections.abc import Collection
from typing import Final

from services.common.email import ByteRange, SecuredPart
from services.parser.mime import pkcs7
from services.parser.mime.content import UNTYPED
from services.parser.mime.tree import Part

_KINDS: Final = pkcs7.TYPES | UNTYPED | {"multipart/signed", "multipart/encrypted"}
_UNPROTECTED: Final = frozenset({"compressed-data", "certs-only"})
"""Contents of a pkcs7-mime part (RFC 8551 sections 3.6 and 3.8) that are neither signed nor encrypted."""
SIGNATURES: Final = frozenset(
    {
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
        "application/pgp-keys",
    }
)


def secured(parts: list[Part], unwrapped: Collection[str] = ()) -> tuple[SecuredPart, ...]:
    """Signed and encrypted parts in document order, with the exact octets that a signature covers.

    ``unwrapped`` are the paths of opaque parts in which signed content was found, whatever they are called.
    """
    found = [_secured(part, unwrapped) for part in parts if part.content.type in _KINDS]
    return tuple([item for item in found if item is not None]) if found else ()


def _secured(part: Part, unwrapped: Collection[str]) -> SecuredPart | None:
    kind = part.content.type
    if pkcs7.is_message(kind, part.content.name):
        said = part.content.params.get("smime-type", "enveloped-data").lower()
        if said in _UNPROTECTED:
            return None
        signed = "signed" in said or part.path in unwrapped
        form = kind if kind in pkcs7.TYPES else "application/pkcs7-mime"
        return SecuredPart(part=part.path, kind="signed" if signed else "encrypted", protocol=form)
    if not part.children:
        return None
    protocol = part.content.params.get("protocol")
    first = part.children[0]
    if kind == "multipart/encrypted":
        return SecuredPart(part=part.path or first.path, kind="encrypted", protocol=protocol)
    covered = ByteRange(first.start, first.end - first.start)
    return SecuredPart(part=first.path, kind="signed", protocol=protocol, signed=covered)


def inline_pgp(path: str, text: str) -> SecuredPart | None:
    """PGP armour inside plain text (RFC 9580 section 6.2)."""
    if "-----BEGIN PGP " not in text:
        return None
    if "-----BEGIN PGP MESSAGE-----" in text:
        return SecuredPart(part=path, kind="encrypted", protocol="application/pgp-inline")
    if "-----BEGIN PGP SIGNED MESSAGE-----" in text:
        return SecuredPart(part=path, kind="signed", protocol="application/pgp-inline")
    return None
