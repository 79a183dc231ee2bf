"""TLS of IMAP connections: which ciphers, and what a failure means. What is verified says ``services.common.tls``."""

import ssl
from functools import lru_cache
from pathlib import Path

from services.common.tls import client_context
from services.poller.imap.errors import ImapError, NetworkError, OperationTimeout, TlsCompatibility, TlsSecurity

# CPython's list since 3.10, written out because distributions change the default.
_CIPHERS = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"
_LEGACY = "DEFAULT:@SECLEVEL=2"
_CERTIFICATE = {
    9: "certificate_date", 10: "certificate_date", 62: "certificate_name", 64: "certificate_name",
    66: "certificate_weak", 67: "certificate_weak", 68: "certificate_weak",
}  # fmt: skip
"""Advice by OpenSSL's verification codes (X509_V_ERR_*): not yet valid, expired; another name or address; weak."""
_NO_TLS = {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"}
_TOO_OLD = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"}
_TOO_WEAK = {"DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "TLSV1_ALERT_INSUFFICIENT_SECURITY"}


def context(ca_file: Path | None, *, legacy: bool) -> ssl.SSLContext:
    """A client context; ``legacy`` widens the cipher list only. Raises TlsSecurity when the CA file is unusable."""
    try:
        stamp = ca_file.stat().st_mtime_ns if ca_file is not None else 0
        return _context(ca_file, stamp, legacy)
    except (OSError, ssl.SSLError) as error:
        raise TlsSecurity(f"the CA file {ca_file} cannot be used ({type(error).__name__}); check --ca-file") from error


@lru_cache(maxsize=64)
def _context(ca_file: Path | None, _stamp: int, legacy: bool) -> ssl.SSLContext:
    made = client_context(ca_file)
    made.set_ciphers(_LEGACY if legacy else _CIPHERS)
    return made


def failure(error: OSError, host: str, *, legacy: bool) -> ImapError:
    """What a failed handshake means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = (error.verify_message or "verification failed").rstrip(".")
        reason = f"the certificate of {host} is not valid: {said}; it is never accepted"
        return TlsSecurity(reason, about=_CERTIFICATE.get(error.verify_code, ""))
    advice = "" if legacy else "; an old server may need the account setting legacy_tls=true (verification stays on)"
    if isinstance(error, ConnectionAbortedError):  # asyncio's word for its handshake time-out
        return OperationTimeout(f"{host} did not complete the TLS handshake in time")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or not isinstance(error, ssl.SSLError):
        return NetworkError(
            f"{host} closed the connection during the TLS handshake{advice}", about="" if legacy else "legacy"
        )
    name = error.reason or "TLS error"
    if name in _NO_TLS:
        return TlsCompatibility(f"{host} does not speak TLS on this port ({name})", about="port")
    about = _about(name, legacy=legacy)
    advice = advice if about == "legacy" else ""
    return TlsCompatibility(f"no common TLS version or cipher with {host} ({name}){advice}", about=about)


def _about(name: str, *, legacy: bool) -> str:
    """Which advice fits: older ciphers help neither against an old version nor where they are allowed already."""
    if name in _TOO_OLD:
        return "tls_old"
    return "tls_weak" if legacy or name in _TOO_WEAK else "legacy"
