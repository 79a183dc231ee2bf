from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from services.common.accounts.fields import Account, ascii_host, checked, slug_of
from services.common.accounts.settings import SettingErrors

GOOD = Account(slug="work", host="imap.example.org", user="u@example.org")


@pytest.mark.parametrize(
    ("host", "ascii_form"),
    [
        ("IMAP.Example.ORG.", "imap.example.org"),
        (" imap.example.org ", "imap.example.org"),
        ("邮件.example", "xn--5nq051n.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("ｉｍａｐ．ｑｑ．ｃｏｍ", "imap.qq.com"),
        ("例子.中国。", "xn--fsqu00a.xn--fiqs8s"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("localhost", "localhost"),
        ("mail_1.internal", "mail_1.internal"),
    ],
)
def test_hosts_get_their_ascii_form(host: str, ascii_form: str) -> None:
    assert ascii_host(host) == ascii_form
    assert checked(replace(GOOD, host=host)).host == ascii_form


@dataclass(frozen=True)
class Bad:
    field: str
    value: object
    name: str = ""


BAD = [
    Bad("slug", "", "name"), Bad("slug", "a b", "name"), Bad("slug", "../x", "name"), Bad("slug", "x" * 64, "name"),
    Bad("host", ""), Bad("host", "a..b"), Bad("host", "a b"), Bad("host", "h\r\nx"), Bad("host", "-a.org"),
    Bad("host", "https://x.org"), Bad("host", "x" * 64 + ".org"), Bad("port", 0), Bad("port", 65536),
    Bad("slug", "a\n", "name"), Bad("host", "imap\n.example.org"), Bad("tls", "none"),
    Bad("user", ""), Bad("user", " "), Bad("user", "a\r\nb"), Bad("user", "a\0"), Bad("user", "x" * 321),
    Bad("auth", "ntlm"),
    Bad("ca_file", "a\nb"), Bad("user", "\udcffme"), Bad("ca_file", "/\udcff"), Bad("host", "\udcff.org"),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.field}-{str(bad.value)[:9]!r}")
def test_a_bad_field_gives_one_line_with_its_name(bad: Bad) -> None:
    with pytest.raises(SettingErrors) as caught:
        checked(replace(GOOD, **{bad.field: bad.value}))
    assert [line.partition(":")[0] for line in caught.value.lines] == [bad.name or bad.field]


def test_spaces_around_a_user_name_are_nobodys() -> None:
    assert checked(replace(GOOD, user="\u3000me @example.org ")).user == "me @example.org"


def test_all_bad_fields_are_told_at_once() -> None:
    with pytest.raises(SettingErrors) as caught:
        checked(replace(GOOD, port=0, tls="none", user=""))  # type: ignore[arg-type]
    assert len(caught.value.lines) == 3


@pytest.mark.parametrize(
    ("address", "slug"),
    [
        ("me@gd.chinamobile.com", "me-gd.chinamobile.com"),
        ("a+b@x.org", "a-b-x.org"),
        ("邮箱@例子.cn", "cn"),
        ("@", "mail"),
    ],
)
def test_an_address_gives_a_slug(address: str, slug: str) -> None:
    assert slug_of(address) == slug
    assert checked(replace(GOOD, slug=slug_of(address)))
