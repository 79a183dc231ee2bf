"""Settings of the console that cannot be meant, and what its certificate and address must be, told by variable."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.common.errors import ConfigurationError
from services.console import serving
from services.console.settings import ConsoleSettings
from tests.fakes.ports import nobody_knows


@pytest.mark.parametrize(
    ("names", "host"),
    [("mail.example.org", "mail.example.org"), (" A.example ,", "a.example"), ("[2001:db8::1]", "[2001:db8::1]")],
)
def test_names_are_what_a_host_header_carries(names: str, host: str) -> None:
    settings = ConsoleSettings(names=names)
    assert host in settings.host_names
    assert not [*settings.faults()]


def test_a_name_outside_ascii_is_known_as_browsers_send_it() -> None:
    assert "邮箱".encode("punycode").decode() in "".join(ConsoleSettings(names="邮箱.example").host_names)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("names", "https://mail.example.org"),
        ("names", "mail.example.org:8443"),
        ("names", "2001:db8::1"),
        ("proxies", "caddy"),
        ("proxies", "172.18.0.5/16"),
        ("proxies", "127.0.0.1, 10.0.0.0/99"),
        ("allowed_hosts", "imap.example.org@nowhere"),
    ],
)
def test_what_would_never_fit_is_told(field: str, text: str) -> None:
    (told,) = ConsoleSettings.model_validate({field: text}).faults()
    assert told.startswith(f"MAILWEIR_CONSOLE_{field.upper()}: ")


@pytest.mark.parametrize("proxies", ["*", "127.0.0.1", "10.0.0.0/8, ::1", ""])
def test_proxies_that_the_server_understands(proxies: str) -> None:
    assert not [*ConsoleSettings(proxies=proxies).faults()]


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, that key with a password, another key, and something else."""
    folder = tmp_path_factory.mktemp("pem")
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    (folder / "cert").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    locked = serialization.BestAvailableEncryption(b"x")
    for file, which, how in (
        ("key", key, serialization.NoEncryption()),
        ("locked", key, locked),
        ("other", other, serialization.NoEncryption()),
    ):
        text = which.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        (folder / file).write_bytes(text)
    (folder / "junk").write_text("junk")
    return folder


def test_a_certificate_and_its_key_are_taken(pem: Path) -> None:
    serving._check_certificate(ConsoleSettings(tls_certificate=pem / "cert", tls_key=pem / "key"))


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        ("none", "key", "MAILWEIR_CONSOLE_TLS_CERTIFICATE: .*none: No such file"),
        ("cert", "none", "MAILWEIR_CONSOLE_TLS_KEY: .*none: No such file"),
        ("cert", "other", "KEY_VALUES_MISMATCH"),
        ("junk", "key", "a PEM chain and its key"),
        ("cert", "locked", "the key has a password"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_by_file(pem: Path, certificate: str, key: str, told: str) -> None:
    settings = ConsoleSettings(tls_certificate=pem / certificate, tls_key=pem / key)
    with pytest.raises(ConfigurationError, match=told) as caught:
        serving._check_certificate(settings)
    assert str(pem) in str(caught.value)


def test_an_address_that_is_not_ours_and_a_port_that_is_taken_name_their_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigurationError, match="another with MAILWEIR_CONSOLE_HOST"):
        serving._listen(ConsoleSettings(host="192.0.2.1", port=0))
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", nobody_knows)
        with pytest.raises(ConfigurationError, match="not known; choose another with MAILWEIR_CONSOLE_HOST"):
            serving._listen(ConsoleSettings(host="no-such-host.invalid", port=0))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}: Address already in use.*CONSOLE_PORT"):
            serving._listen(ConsoleSettings(port=port))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_loopback_by_any_name_is_listened_on(host: str) -> None:
    with serving._listen(ConsoleSettings(host=host, port=0)) as listening:
        assert listening.getsockname()[0] in ("127.0.0.1", "::1")


def test_an_address_of_the_newer_kind_is_one_too() -> None:
    """It is not bound: not every machine has that kind."""
    assert serving._where(ConsoleSettings(host="::1", port=8025)) == (socket.AF_INET6, ("::1", 8025, 0, 0))
