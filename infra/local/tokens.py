"""Access tokens (RFC 7519, RS256) that a local Dovecot verifies by itself."""

import base64
import json
import os
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def make_keys(private: Path, public_folder: Path) -> None:
    """An RSA key pair, made once; Dovecot looks for the public half at ``<azp>/<algorithm>/<kid>``."""
    public = public_folder / "default" / "RS256" / "default"
    if public.exists():
        return
    key = rsa.generate_private_key(65537, 2048)
    public.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def issue(private: Path, user: str, seconds: float) -> str:
    """A token for ``user`` that ends in ``seconds`` from now."""
    key = serialization.load_pem_private_key(private.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    now = time.time()
    claims = {"email": user, "sub": user, "iat": int(min(now, now + seconds)) - 60, "exp": int(now + seconds)}
    signed = _encoded({"alg": "RS256", "typ": "JWT"}) + b"." + _encoded(claims)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _base64url(signature)).decode()


def _encoded(value: dict[str, object]) -> bytes:
    return _base64url(json.dumps(value).encode())


def _base64url(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
