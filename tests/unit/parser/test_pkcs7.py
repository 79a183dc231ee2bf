import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7 as library
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import Limits, parse_message, pkcs7
from tests.mail_invariants import check_streamed, checked

INNER = b"Content-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
SIGNED, DATA = "06092a864886f70d010702", "06092a864886f70d010701"


def signed(content: bytes) -> bytes:
    """Signed data as another library makes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann")])
    now = datetime(2026, 11, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=9))
    certificate = builder.sign(key, hashes.SHA256())
    message = library.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return message.sign(serialization.Encoding.DER, [library.PKCS7Options.Binary])


def in_pieces(*pieces: bytes) -> bytes:
    """The same with indefinite lengths, as streaming signers write it."""
    strings = b"".join(bytes([4, len(piece)]) + piece for piece in pieces)
    outer = bytes.fromhex(f"3080{SIGNED}a0803080020101310030 80{DATA}a0802480".replace(" ", ""))
    return outer + strings + bytes(12)


def mail(data: bytes, content_type: bytes) -> bytes:
    head = b"From: a@example.org\r\nSubject: s\r\nContent-Type: " + content_type
    return head + b"; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(data)


@pytest.mark.parametrize("data", [signed(INNER), in_pieces(INNER[:20], INNER[20:])], ids=["definite", "in pieces"])
@pytest.mark.parametrize("kind", [b"application/pkcs7-mime; smime-type=signed-data", b"application/x-pkcs7-mime"])
def test_signed_content_is_a_file_and_a_nested_message(data: bytes, kind: bytes) -> None:
    parsed = checked(mail(data, kind))
    check_streamed(mail(data, kind), parsed)
    facts = parsed.email.mailweir
    assert [(item.part, item.kind) for item in facts.secured] == [("1", "signed")]
    assert [(file.part_id, file.type, file.data) for file in parsed.files[1:]] == [("1.d1", "message/rfc822", INNER)]
    assert [(child.part, child.email.body_values["1"].value) for child in facts.children] == [("1.d1", "Grüße\n")]
    assert facts.derived_text == "Grüße\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        bytes(40),
        signed(INNER)[:30],
        in_pieces(INNER)[:45],
        signed(INNER).replace(b"\x07\x02", b"\x07\x03"),
    ],
    ids=["empty", "one octet", "zeros", "cut", "cut in pieces", "enveloped"],
)
def test_what_holds_no_signed_content_stays_as_it_is(data: bytes) -> None:
    assert pkcs7.signed_content(data) is None
    parsed = checked(mail(data, b"application/pkcs7-mime"))
    assert [item.kind for item in parsed.email.mailweir.secured] == ["encrypted"]
    assert len(parsed.files) == 1


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_octets_are_read(junk: bytes, at: int) -> None:
    pkcs7.signed_content(junk)
    pkcs7.signed_content(in_pieces(INNER)[:at] + junk)


def test_signed_messages_beyond_the_limits_stay_files() -> None:
    page = b"Content-Type: text/html\r\n\r\n<b>word</b>\r\n"
    head = b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    part = b"--b\r\n" + head + base64.encodebytes(in_pieces(page)) + b"\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 3 + b"--b--\r\n"

    def found(limits: Limits) -> tuple[int, list[str | None]]:
        parsed = parse_message(raw, limits=limits)
        inside = [file for file in parsed.files if file.data == page]
        return len(inside), [child.email.mailweir.derived_text for child in parsed.email.mailweir.children]

    assert found(Limits()) == (3, ["word", "word", "word"])
    assert found(Limits(children=2)) == (3, ["word", "word"])
    assert found(Limits(html=2 * len(page))) == (3, ["word", "word", None])
    assert found(Limits(derived=10)) == (0, [])
