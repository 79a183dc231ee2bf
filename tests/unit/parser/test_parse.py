"""The public entry: what becomes of whole messages. Single rules are tested beside their modules."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import VERSION, Limits, parse, parse_message
from tests.mail_invariants import check_streamed, checked

HEAD = b"From: a@b.example\nMessage-ID: <1@b>\nSubject: s\n"


def mixed(*parts: bytes) -> bytes:
    return (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=x\n\n"
        + b"".join(b"--x\n" + part + b"\n" for part in parts)
        + b"--x--\n"
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_feed_behind_a_message_of_carriage_returns(end: bytes) -> None:
    email = parse(b"From: a@b.c\rSubject: x\r y\r\rhello" + end)
    assert (email.subject, email.preview) == ("x y", "hello")
    crlf = parse(b"Subject: x\r\rTo: a@b.c" + end)
    assert [header.name for header in crlf.headers] == ["Subject"]


def test_a_plain_message() -> None:
    email = parse(HEAD + b"\nhello\r\nworld")
    assert email.body_values["1"].value == "hello\nworld"
    assert (email.subject, email.message_id, email.preview) == ("s", ("1@b",), "hello world")
    assert email.mailweir.parser_version == VERSION
    assert email.mailweir.synthetic == ()


def test_a_language_and_a_location_need_no_type() -> None:
    part = parse(HEAD + b"Content-Language: en, zh-CN\nContent-Location: a b.txt\n\nx").body_structure
    assert (part.type, part.language, part.location) == ("text/plain", ("en", "zh-CN"), "ab.txt")


def test_a_comment_before_the_transfer_encoding() -> None:
    email = parse(HEAD + b"Content-Transfer-Encoding: (RFC 2045) base64\n\nYWJj")
    assert (email.body_values["1"].value, email.mailweir.defects) == ("abc", ())


@pytest.mark.parametrize(
    ("label", "code"),
    [(b"; charset=us-ascii", "charset.label-lies"), (b"; charset=x", "charset.label-lies"), (b"", None)],
)
def test_a_page_names_its_charset_where_the_label_says_nothing(label: bytes, code: str | None) -> None:
    page = "<meta charset=gbk>合同".encode("gbk")
    email = parse(HEAD + b"Content-Type: text/html" + label + b"\n\n" + page)
    assert email.body_values["1"].value == "<meta charset=gbk>合同"
    assert [defect.code for defect in email.mailweir.defects] == ([code] if code else [])


@pytest.mark.parametrize("kind", [b"compressed-data", b"certs-only"])
def test_what_is_neither_signed_nor_encrypted_is_not_secured(kind: bytes) -> None:
    email = parse(HEAD + b"Content-Type: application/pkcs7-mime; smime-type=" + kind + b"\n\nx")
    assert email.mailweir.secured == ()


def test_no_message_id_no_secret_repeats() -> None:
    first, again, other = parse(b"Subject: a\n\nx"), parse(b"Received: y\nSubject: a\n\nx"), parse(b"Subject: a\n\ny")
    assert first.mailweir.synthetic == ("messageId",)
    assert first.message_id == again.message_id != other.message_id


def test_offsets_lead_to_the_octets() -> None:
    raw = mixed(b"\ntext", b"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nQUJD")
    parsed = parse_message(raw)
    facts = parsed.email.mailweir.parts["2"]
    assert raw[facts.offset : facts.offset + facts.length] == b"QUJD"
    assert raw[facts.header_offset :].startswith(b"Content-Type: application/pdf")
    assert [(file.name, file.data, file.type) for file in parsed.files] == [("a.pdf", b"ABC", "application/pdf")]
    assert parsed.email.has_attachment


def test_pictures_in_the_text_are_files_too() -> None:
    parsed = parse_message(mixed(b"\ntext", b"Content-Type: image/png\n\npng"))
    assert parsed.email.attachments == ()
    assert [file.part_id for file in parsed.files] == ["2"]


def test_referenced_pictures_are_no_attachment_for_people() -> None:
    html = b"Content-Type: text/html\n\n<img src='cid:p%201@x'><img src=logo.gif>"
    cid = b"Content-Type: image/png\nContent-ID: <p 1@x>\nContent-Disposition: attachment\n\npng"
    located = b"Content-Type: image/gif\nContent-Location: logo.gif\nContent-Disposition: attachment\n\ngif"
    email = parse(mixed(html, cid, located))
    assert [email.mailweir.parts[path].referenced for path in ("1", "2", "3")] == [False, True, True]
    assert not email.has_attachment


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_preview_holds_no_control_character(kind: str) -> None:
    body = "a\x1b]0;title\x07 \x9b2Jb\x7f\x00\x85c\tnext"
    raw = f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n{body}\r\n".encode()
    assert parse(raw).preview == "a ]0;title 2Jb c next"


def test_html_alone_gives_derived_text_and_a_preview() -> None:
    email = parse(HEAD + b"Content-Type: text/html\n\n<p>Hello <b>there</b></p><script>x</script>")
    assert email.mailweir.derived_text == "Hello there"
    assert email.preview == "Hello there"


def test_only_a_text_has_a_charset() -> None:
    parsed = parse(mixed(b"Content-Type: application/json; charset=utf-8\n\n{}", b"Content-Type: text/csv\n\na;b"))
    told = parsed.body_structure.sub_parts or ()
    assert [part.charset for part in told] == [None, "us-ascii"]
    assert parsed.mailweir.parts["1"].declared_charset == "utf-8"


def test_a_page_declares_its_own_charset() -> None:
    page = '<meta charset="gbk"><p>中文</p>'.encode("gbk")
    assert "中文" in parse(HEAD + b"Content-Type: text/html\n\n" + page).body_values["1"].value


def test_flowed_text_is_unwrapped() -> None:
    email = parse(HEAD + b"Content-Type: text/plain; format=flowed\n\none \ntwo\n-- \nme")
    assert email.body_values["1"].value == "one two\n-- \nme"


@pytest.mark.parametrize("encoding", [b"7bit", b"base64"])
def test_a_nested_message_is_a_file_and_a_child(encoding: bytes) -> None:
    inner = b"Subject: inner\n\nhi"
    body = base64.b64encode(inner) if encoding == b"base64" else inner
    email = parse(
        mixed(b"\ntext", b"Content-Type: message/rfc822\nContent-Transfer-Encoding: " + encoding + b"\n\n" + body)
    )
    (child,) = email.mailweir.children
    assert (child.part, child.email.subject) == ("2", "inner")
    assert [part.type for part in email.attachments] == ["message/rfc822"]
    assert list(email.body_values) == ["1"]


def test_messages_in_nested_messages_stay_files() -> None:
    deepest = b"Content-Type: message/rfc822\n\nSubject: deep\n\nx"
    (child,) = parse(HEAD + b"Content-Type: message/rfc822\n\n" + deepest).mailweir.children
    assert child.email.mailweir.children == ()
    assert [part.type for part in child.email.attachments] == ["message/rfc822"]


def test_a_uuencoded_file_is_derived() -> None:
    parsed = parse_message(HEAD + b"\ntext\nbegin 644 cat.txt\n#0V%T\n`\nend\n")
    (file,) = parsed.files
    assert (file.part_id, file.name, file.data, file.encoding) == ("1.d1", "cat.txt", b"Cat", "derived")
    assert parsed.email.mailweir.parts["1.d1"].parent == "1"


def test_an_invitation_without_text_is_told_by_its_summary() -> None:
    lines = b"BEGIN:VCALENDAR METHOD:REQUEST BEGIN:VEVENT UID:1 SUMMARY:Lunch END:VEVENT END:VCALENDAR"
    calendar = lines.replace(b" ", b"\r\n")
    email = parse(mixed(b"\n", b"Content-Type: text/calendar; method=REQUEST\n\n" + calendar))
    (digest,) = email.mailweir.calendars
    assert (digest.uid, digest.summary, digest.method) == ("1", "Lunch", "REQUEST")
    assert "Lunch" in (email.mailweir.derived_text or "")


def test_a_delivery_report_knows_the_original() -> None:
    status = b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b"
    returned = b"Content-Type: text/rfc822-headers\n\nMessage-ID: <o@x>\nSubject: =?utf-8?q?caf=C3=A9?=\n"
    (report,) = parse(mixed(b"\nfailed", status + b"\nAction: failed\n", returned)).mailweir.delivery_reports
    assert (report.original_message_id, report.original_subject) == ("o@x", "café")
    assert [(item.final_recipient, item.action) for item in report.recipients] == [("a@b", "failed")]


def test_signed_octets_are_exact() -> None:
    covered = b"Content-Type: text/plain\r\n\r\nsigned\r\n"
    raw = (
        HEAD + b"Content-Type: multipart/signed; protocol=application/pkcs7-signature; boundary=x\r\n\r\n--x\r\n"
        + covered + b"\r\n--x\r\nContent-Type: application/pkcs7-signature\r\n\r\nsig\r\n--x--\r\n"
    )  # fmt: skip
    email = parse(raw)
    (secured,) = email.mailweir.secured
    assert (secured.kind, secured.part, secured.protocol) == ("signed", "1", "application/pkcs7-signature")
    assert secured.signed is not None
    assert raw[secured.signed.offset : secured.signed.offset + secured.signed.length] == covered
    assert not email.has_attachment


@pytest.mark.parametrize(
    ("head", "body", "kind"),
    [
        (b"multipart/encrypted; protocol=application/pgp-encrypted; boundary=x", b"--x\n\n1\n--x--", "encrypted"),
        (b"application/pkcs7-mime; smime-type=signed-data", b"x", "signed"),
        (b"application/x-pkcs7-mime; smime-type=enveloped-data", b"x", "encrypted"),
        (b"text/plain", b"-----BEGIN PGP MESSAGE-----\n", "encrypted"),
        (b"text/plain", b"-----BEGIN PGP SIGNED MESSAGE-----\n", "signed"),
    ],
)
def test_protection_is_found(head: bytes, body: bytes, kind: str) -> None:
    assert [item.kind for item in parse(HEAD + b"Content-Type: " + head + b"\n\n" + body).mailweir.secured] == [kind]


def test_limits_flag_and_keep() -> None:
    email = parse(HEAD + b"\n" + b"line\n" * 100, limits=Limits(text=40))
    assert email.body_values["1"].is_truncated
    assert email.body_values["1"].value == "line\n" * 8
    assert "limit.text" in [defect.code for defect in email.mailweir.defects]


@pytest.mark.parametrize("limit", range(38, 42))
@pytest.mark.parametrize("letter", ["é", "中", "😀"])
def test_a_text_without_lines_is_cut_between_two_characters(limit: int, letter: str) -> None:
    raw = HEAD + b"Content-Type: text/plain; charset=utf-8\n\n" + letter.encode() * 100
    value = parse(raw, limits=Limits(text=limit)).body_values["1"]
    assert value.value == letter * (limit // len(letter.encode()))
    assert (value.is_truncated, value.is_encoding_problem) == (True, False)


@pytest.mark.parametrize(
    ("kind", "limits", "code"),
    [
        (b"text/plain", Limits(texts=2), "limit.texts"),
        (b"text/plain; format=flowed", Limits(flowed=1), "limit.flowed"),
        (b"text/calendar", Limits(children=2), "limit.calendars"),
        (b"message/rfc822", Limits(children=2), "limit.children"),
        (b"message/rfc822", Limits(derived=5), "limit.derived"),
        (b"application/ms-tnef", Limits(derived=5), "limit.derived"),
    ],
)
def test_limits_on_many_parts_keep_every_part(kind: bytes, limits: Limits, code: str) -> None:
    part = b"--b\nContent-Type: " + kind + b"\n\na \nb\nc\n"
    parsed = parse_message(HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 3, limits=limits)
    assert code in [defect.code for defect in parsed.email.mailweir.defects]
    told = {*parsed.email.body_values, *[file.part_id for file in parsed.files]}
    assert told == {"1", "2", "3"} == set(parsed.email.mailweir.parts)


def test_a_message_that_is_too_large_to_be_looked_into_is_a_file_like_any_other() -> None:
    raw = HEAD + b"Content-Type: message/rfc822\n\nSubject: inner\n\nx\n"
    assert len(parse(raw).mailweir.children) == 1
    found = parse_message(raw, limits=Limits(derived=10))
    assert (found.email.mailweir.children, len(found.files)) == ((), 1)


@pytest.mark.parametrize(("recipients", "told", "codes"), [(1_000, 1_000, []), (1_001, 1_000, ["limit.report"])])
def test_a_report_that_is_read_in_part_is_told(recipients: int, told: int, codes: list[str]) -> None:
    groups = b"Final-Recipient: rfc822;a@b.example\r\nAction: failed\r\n\r\n" * recipients
    facts = parse(b"From: a@b.example\r\nContent-Type: message/delivery-status\r\n\r\n" + groups).mailweir
    assert len(facts.delivery_reports[0].recipients) == told
    assert [defect.code for defect in facts.defects] == codes


def test_nested_pages_share_one_limit() -> None:
    page = b"--b\nContent-Type: message/rfc822\n\nContent-Type: text/html\n\n<b>a</b>\n"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + page * 3
    children = parse(raw, limits=Limits(html=50)).mailweir.children
    assert [child.email.mailweir.derived_text for child in children] == ["a", "a", None]


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\r", b"\0", b"From ", b":", b"\xff\xfe", b"--", b"Content-Type: multipart/x"]
)
def test_next_to_nothing(raw: bytes) -> None:
    check_streamed(raw, checked(raw))


PIECES = [
    HEAD, b"Content-Type: multipart/mixed; boundary=x\n", b"\n", b"\r\n", b"--x\n", b"--x--\n", b"=", b"QUJD", b"To: ",
    b"Content-Type: text/html; charset=gbk\n", b"Content-Transfer-Encoding: base64\n", b"\xd6\xd0", b"\0",
    b"Content-Disposition: attachment; filename*0*=utf-8''%e4; filename*1=b\n", b"=?gb2312?B?1tDOxA?=",
    b"Content-Type: message/rfc822\n", b"Content-Type: application/ms-tnef\n", b"begin 644 a\n",
    b"<img src=cid:a>", b"Content-ID: <a>\n", b"\x78\x9f\x3e\x22",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_every_invariant_on_anything(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    check_streamed(raw, checked(raw))


@given(st.binary(max_size=200))
def test_any_octets(raw: bytes) -> None:
    assert msgspec.json.encode(checked(raw).email)


def test_a_content_id_that_escapes_a_nul_has_none() -> None:
    part = b"Content-Type: image/png\nContent-ID: <comp%00any@x>\nContent-Disposition: attachment\n\npng"
    (found,) = parse_message(part).email.attachments
    assert found.cid == "company@x"
