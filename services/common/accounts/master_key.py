"""Master keys from the environment, a file, or (embedded) a generated file with mode 0600.

The text holds one key per line or comma, each 32 octets in base64, base64url or hexadecimal. The first wraps, the
others only unwrap: that is what a rotation needs. A key's id is derived from it, so nobody has to name keys.
"""

import base64
import binascii
import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.common import durable
from services.common.accounts.crypto import KEY_OCTETS, decrypt, encrypt
from services.common.errors import ConfigurationError

VARIABLE = "MAILWEIR_MASTER_KEY"
FILE_NAME = "master.key"
_MAKE = "make one with: openssl rand -base64 32"


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """Keys in memory; a :class:`~services.common.accounts.crypto.KeyWrapper`.

    ``path`` is set when the file is ours to rotate.
    """

    keys: tuple[bytes, ...] = field(repr=False)
    path: Path | None = None

    @property
    def key_id(self) -> str:
        """Id of the first key."""
        return key_id(self.keys[0])

    @property
    def known_ids(self) -> frozenset[str]:
        """Ids of all keys."""
        return frozenset(map(key_id, self.keys))

    def wrap(self, data_key: bytes, bound_to: bytes) -> bytes:
        """Encrypt a data key with the first key."""
        return encrypt(self.keys[0], data_key, bound_to)

    def unwrap(self, key_id_: str, wrapped: bytes, bound_to: bytes) -> bytes:
        """Decrypt a data key with the key of that id. Raises ConfigurationError when it is not here."""
        for key in self.keys:
            if key_id(key) == key_id_:
                return decrypt(key, wrapped, bound_to)
        raise unknown_keys({key_id_}, self.known_ids)


def key_id(key: bytes) -> str:
    """16 hexadecimal digits that name a key and tell nothing about it."""
    return hashlib.sha256(b"mailweir master key id\0" + key).hexdigest()[:16]


def unknown_keys(missing: set[str], known: frozenset[str]) -> ConfigurationError:
    """The one message for a lost or wrong master key."""
    return ConfigurationError(
        f"the stored secrets need master key {', '.join(sorted(missing))}, but {VARIABLE} holds"
        f" {', '.join(sorted(known)) or 'none'}: bring the old key back, or clear the secrets and enter them again"
    )


def load(home: Path, environ: Mapping[str, str], *, may_create: bool) -> MasterKeys:
    """Keys from ``MAILWEIR_MASTER_KEY``, ``MAILWEIR_MASTER_KEY_FILE``, or the file below ``home``.

    ``may_create`` is true only when no stored secret needs an older key: a lost key is never replaced silently.

    Raises:
        ConfigurationError: no key, a malformed one, or a generated file that others may read.

    """
    if text := environ.get(VARIABLE):
        return MasterKeys(parse(text, VARIABLE))
    if name := environ.get(f"{VARIABLE}_FILE"):
        return MasterKeys(parse(_read(Path(name), f"{VARIABLE}_FILE"), f"{VARIABLE}_FILE {name}"))
    path = home / FILE_NAME
    if not path.exists():
        if not may_create:
            raise ConfigurationError(f"{path} is gone, and stored secrets need it: bring it back from a backup")
        _create(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigurationError(f"{path} can be read by others; run: chmod 600 {path}")
    return MasterKeys(parse(_read(path, "master key"), str(path)), path)


def is_there(home: Path, environ: Mapping[str, str]) -> bool:
    """Whether ``load`` would find a key, of whatever form, and not make one."""
    return bool(environ.get(VARIABLE) or environ.get(f"{VARIABLE}_FILE")) or (home / FILE_NAME).exists()


def parse(text: str, source: str) -> tuple[bytes, ...]:
    """Keys of a text. Raises ConfigurationError, which never shows the text."""
    keys = tuple(_key(word, source) for word in re.split(r"[\s,]+", text.strip()) if word)
    if not keys:
        raise ConfigurationError(f"{source} is empty; {_MAKE}")
    return keys


def write(path: Path, keys: Sequence[bytes]) -> None:
    """Replace a key file atomically and durably, mode 0600."""
    durable.replace(path, _text(keys), 0o600)


def _create(path: Path) -> None:
    """A new key; when several start at once, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    durable.create(path, _text([os.urandom(KEY_OCTETS)]), 0o600)


def _text(keys: Sequence[bytes]) -> str:
    return "".join(base64.b64encode(key).decode() + "\n" for key in keys)


def _read(path: Path, source: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigurationError(f"{source}: {path} cannot be read ({reason})") from error


def _key(word: str, source: str) -> bytes:
    try:
        key = bytes.fromhex(word) if re.fullmatch(r"[0-9a-fA-F]{64}", word) else _base64(word)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_OCTETS:
        raise ConfigurationError(f"{source} does not hold a key of 32 octets in base64 or hexadecimal; {_MAKE}")
    return key


def _base64(word: str) -> bytes:
    padded = word.translate(str.maketrans("-_", "+/")).rstrip("=")
    return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
