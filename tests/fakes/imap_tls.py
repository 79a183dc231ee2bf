"""Certificates of the fake server, good and bad, made on the spot."""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_NOW = datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _builder(name: str, issuer: str, *, expired: bool = False) -> x509.CertificateBuilder:
    end = _NOW - datetime.timedelta(days=1) if expired else _NOW + datetime.timedelta(days=2)
    return x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=_key().public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=_NOW - datetime.timedelta(days=3),
        not_valid_after=end,
    )


@cache
def authority() -> Authority:
    """One authority for the whole test run."""
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = _builder("Fake CA", "Fake CA").add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(_key().public_key()), critical=False)
    return Authority(builder.sign(_key(), hashes.SHA256()), _key())


def write_ca(folder: Path) -> Path:
    """PEM file of the authority."""
    path = folder / "fake-ca.pem"
    path.write_bytes(authority().certificate.public_bytes(serialization.Encoding.PEM))
    return path


@cache
def _server_pem(kind: str) -> bytes:
    issuer = "Fake server" if kind == "self-signed" else "Fake CA"
    builder = _builder("localhost" if kind == "subject-name" else "Fake server", issuer, expired=kind == "expired")
    if kind == "wrong-name":
        names: list[x509.GeneralName] = [x509.DNSName("elsewhere.example.net")]
    else:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    if kind != "subject-name":
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(_key(), hashes.SHA256())
    key = _key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key + certificate.public_bytes(serialization.Encoding.PEM)


def server_context(kind: str, ciphers: str | None, folder: Path) -> ssl.SSLContext:
    """Server side; ``ciphers`` e.g. "AES256-GCM-SHA384" for RSA key exchange only (TLS 1.2)."""
    path = folder / f"server-{kind}.pem"
    path.write_bytes(_server_pem(kind))
    path.chmod(0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    return context
