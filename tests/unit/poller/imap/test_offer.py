"""The answer to a ClientHello, from any octets."""

from hypothesis import given
from hypothesis import strategies as st

from services.poller.imap.offer import Offer, server_hello


def hello(version: int, cipher: int, session: bytes = b"") -> bytes:
    body = version.to_bytes(2) + bytes(32) + bytes([len(session)]) + session + cipher.to_bytes(2) + b"\0"
    message = b"\x02" + len(body).to_bytes(3) + body
    return b"\x16\x03\x03" + len(message).to_bytes(2) + message


def test_version_and_cipher_are_read_behind_a_session_id() -> None:
    assert server_hello(hello(0x0302, 0x0035)) == Offer("TLSv1.1", "AES256-SHA")
    assert server_hello(hello(0x0303, 0x009D, bytes(32))) == Offer("TLSv1.2", "AES256-GCM-SHA384")
    assert server_hello(hello(0x0303, 0x1301)) == Offer("TLSv1.3", "TLS_AES_128_GCM_SHA256")


def test_what_has_no_name_is_told_as_a_number() -> None:
    assert server_hello(hello(0x7F12, 0xFAFA)) == Offer("0x7f12", "0xfafa")


def test_an_alert_is_no_offer() -> None:
    assert server_hello(b"\x15\x03\x03\x00\x02\x02\x46") is None


@given(st.binary(max_size=200) | st.builds(lambda n: hello(0x0303, 0x0035)[:n], st.integers(0, 48)))
def test_any_octets_are_an_offer_or_none(octets: bytes) -> None:
    found = server_hello(octets)
    assert found is None or (found.version and found.cipher)
