"""Envelope encryption of secrets: AES-256-GCM (NIST SP 800-38D), a data key per account, wrapped by a master key. Pure.

The associated data of each ciphertext names the format version, the key id, the account and the field, so that a
ciphertext moved to another row, account or field does not decrypt. Nonces are 96 random bits; a data key protects a
handful of values, far below the 2**32 uses where random nonces become unsafe.
"""

import os
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.common.errors import ConfigurationError

VERSION = 1
KEY_OCTETS = 32
_NONCE_OCTETS = 12


class Undecryptable(ConfigurationError):
    """A ciphertext does not belong to this key, account and field, or it was altered."""


class KeyWrapper(Protocol):
    """What a master key does. A key management service fits behind it: the key itself never has to leave there."""

    @property
    def key_id(self) -> str:
        """Id of the key that wraps from now on."""
        ...

    @property
    def known_ids(self) -> frozenset[str]:
        """Ids of all keys that can still unwrap."""
        ...

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """The data key, encrypted with the present key and bound to ``bound_to``."""
        ...

    def unwrap(self, key_id: str, wrapped: bytes, bound_to: bytes) -> bytes:
        """The data key. Raises ConfigurationError for an unknown id, Undecryptable for a wrong key or binding."""
        ...


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key at rest: its own id, the id of the master key, and the wrapped octets."""

    data_key_id: str
    master_key_id: str
    wrapped: bytes
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret at rest: nonce and ciphertext with tag in one piece, beside the id of its data key."""

    data_key_id: str
    ciphertext: bytes
    version: int = VERSION


def encrypt(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    """Nonce, ciphertext and tag."""
    nonce = os.urandom(_NONCE_OCTETS)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def decrypt(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    """The plain octets; raises Undecryptable, without a hint at the content, when anything was changed."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], bound_to)
    except (InvalidTag, ValueError) as error:
        raise Undecryptable(
            "a stored secret does not decrypt with its key: wrong key, or the row was altered"
        ) from error


def new_data_key(master: KeyWrapper, account: str) -> WrappedKey:
    """A fresh random data key for an account."""
    data_key_id = os.urandom(8).hex()
    bound_to = _bound(master.key_id, account, f"key:{data_key_id}")
    return WrappedKey(data_key_id, master.key_id, master.wrap(os.urandom(KEY_OCTETS), bound_to))


def data_key_of(master: KeyWrapper, account: str, key: WrappedKey) -> bytes:
    """The data key in clear. Raises ConfigurationError (unknown master key) or Undecryptable."""
    _check_version(key.version)
    return master.unwrap(key.master_key_id, key.wrapped, _bound(key.master_key_id, account, f"key:{key.data_key_id}"))


def seal(data_key: bytes, data_key_id: str, account: str, field: str, text: str) -> Sealed:
    """A secret text, bound to its account and field."""
    return Sealed(data_key_id, encrypt(data_key, text.encode(), _bound(data_key_id, account, field)))


def unseal(data_key: bytes, sealed: Sealed, account: str, field: str) -> str:
    """The secret text. Raises Undecryptable."""
    _check_version(sealed.version)
    return decrypt(data_key, sealed.ciphertext, _bound(sealed.data_key_id, account, field)).decode()


def _bound(key_id: str, account: str, field: str) -> bytes:
    """Length-prefixed, so that no two different triples give the same octets."""
    parts = [part.encode() for part in ("mailweir", str(VERSION), key_id, account, field)]
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def _check_version(version: int) -> None:
    if version != VERSION:
        raise Undecryptable(f"a stored secret has format {version}; this Mailweir knows format {VERSION}: update it")
