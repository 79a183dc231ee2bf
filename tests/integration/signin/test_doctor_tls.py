"""Handshakes that fail: what the server offers is told, and a setting is advised only where it helps."""

import datetime
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.accounts.settings import AccountSettings
from services.common.clock import SystemClock
from services.common.secret import Secret
from services.front import doctor_view as view
from services.poller.doctor.model import Step, Visit
from services.poller.doctor.visit import examine
from tests.fakes.imap_tls import authority, server_context, write_ca

Configure = Callable[[ssl.SSLContext], None]


def _old(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("AES256-SHA:@SECLEVEL=0")


def _ciphers(names: str) -> Configure:
    def configure(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{names}:@SECLEVEL=0")

    return configure


def _weak_certificate(folder: Path) -> Configure:
    def configure(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(_short_key(folder))

    return configure


def _short_key(folder: Path) -> Path:
    key, now = rsa.generate_private_key(public_exponent=65537, key_size=1024), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(authority().certificate.subject, name, key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    path = folder / "short.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = builder.sign(authority().key, hashes.SHA256())
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def listening(tmp_path: Path, configure: Configure, greeting: bytes = b"") -> Iterator[int]:
    """A server that shakes hands by ``configure`` (after STARTTLS where it greets), over and over."""
    context = server_context("good", None, tmp_path)
    configure(context)

    def talk(raw: socket.socket) -> None:
        raw.settimeout(10)
        if greeting:
            raw.sendall(greeting)
            words = raw.recv(1000).split()
            raw.sendall(words[0] + b" OK go\r\n")
        context.wrap_socket(raw, server_side=True).close()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            with raw, suppress(OSError, IndexError):
                talk(raw)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


async def visited(tmp_path: Path, port: int, addresses: tuple[str, ...] = (), **more: object) -> tuple[Step, Account]:
    quick = {"connect_timeout": 20, "command_timeout": 10}
    settings = AccountSettings(**quick, **more.pop("settings", {}))  # type: ignore[arg-type]
    account = Account(
        slug="work", host="localhost", port=port, user="u", ca_file=str(write_ca(tmp_path)), settings=settings, **more
    )  # type: ignore[arg-type]

    async def secret(_: bool) -> tuple[Secret | None, bool]:
        return Secret("x"), False

    visit = Visit(account, profile("generic"), secret, SystemClock(), addresses)
    return next(step for step in [each async for each in examine(visit)] if step.outcome == "failed"), account


OLD = "it offers TLSv1.1 with AES256-SHA"
RSA = "it offers TLSv1.2 with AES256-GCM-SHA384"
EMPTY = "it offers TLSv1.2 with NULL-SHA256"


@pytest.mark.parametrize(
    ("configure", "legacy", "offer", "about"),
    [
        (_old, False, OLD, "tls_old"),
        (_old, True, OLD, "tls_old"),
        (_ciphers("AES256-GCM-SHA384"), False, RSA, "legacy"),
        (_ciphers("NULL-SHA256"), True, EMPTY, "tls_weak"),
    ],
)
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_what_the_server_offers_is_told_and_only_what_helps_is_advised(
    tmp_path: Path, configure: Configure, legacy: bool, offer: str, about: str, tls: str
) -> None:
    greeting = b"* OK hello\r\n" if tls == "starttls" else b""
    with listening(tmp_path, configure, greeting) as port:
        step, account = await visited(tmp_path, port, tls=tls, settings={"legacy_tls": legacy})
    assert (step.name, step.exit_code, step.about) == ("tls", 5, about)
    assert step.reason.endswith(offer)
    advice = view.advice(step, account, profile("generic"), "en")
    assert ("legacy_tls=true" in advice) == (about == "legacy")
    assert "服务器提供的是 TLSv1" in view.line(step, account, "zh", full=True)


async def test_a_short_key_is_the_operators_to_mend(tmp_path: Path) -> None:
    with listening(tmp_path, _weak_certificate(tmp_path)) as port:
        step, account = await visited(tmp_path, port, settings={"legacy_tls": True})
    assert (step.name, step.about) == ("tls", "certificate_weak")
    assert "--ca-file" not in view.advice(step, account, profile("generic"), "en")


async def test_a_test_of_a_page_asks_nothing_more_of_a_server(tmp_path: Path) -> None:
    with listening(tmp_path, _old) as port:
        step, _ = await visited(tmp_path, port, ("127.0.0.1",))
    assert (step.name, step.about) == ("tls", "tls_old")
    assert "it offers" not in step.reason
