import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import addresses


def pairs(value: str) -> list[tuple[str | None, str]]:
    return [(found.name, found.email) for found in addresses.parse(value)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("John <j@X.Com>", [("John", "j@x.com")]),
        ('"Doe, John" <j@x.com>, b@y', [("Doe, John", "j@x.com"), (None, "b@y")]),
        ("a@b (Jo)", [("Jo", "a@b")]),
        ("=?utf-8?Q?a=40b=2C?= <x@y>", [("a@b,", "x@y")]),
        ("=?utf-8?Q?Doe,_J?= <d@x>", [("Doe, J", "d@x")]),
        ('"boss@corp.example" <evil@x.example>', [("boss@corp.example", "evil@x.example")]),
        ("<@relay,@other:u@d>", [(None, "u@d")]),
        ("<a@b, c@d", [(None, "a@b"), (None, "c@d")]),
        ("<a@b> <c@d>", [(None, "a@b"), (None, "c@d")]),
        ("Ann <a@b> Bob C <c@d> (x) Eve <e@f>", [("Ann", "a@b"), ("Bob C", "c@d"), ("Eve", "e@f")]),
        ("mailto:a@b, c@d", [(None, "a@b"), (None, "c@d")]),
        ("foo <bar> <x@y>", [("foo <bar>", "x@y")]),
        ("Foo (bar <a@b>", [("Foo (bar", "a@b")]),
        ('"john q"@x.com', [(None, '"john q"@x.com')]),
        ("u@[IPv6:fe80::1]", [(None, "u@[ipv6:fe80::1]")]),
        ("a @ b.com", [(None, "a@b.com")]),
        ("foo a@b.com", [("foo", "a@b.com")]),
        ("<mailto:a@b>", [(None, "a@b")]),
        ("root", [(None, "root")]),
        ("=?utf-8?B?Sm9obiA8akB4Pg==?=", [("John <j@x>", "")]),
        ("=?utf-8?Q?J=C3=B6?=, a@b", [("Jö", ""), (None, "a@b")]),
        ("<>", []),
        ("", []),
    ],
)
def test_lists(value: str, expected: list[tuple[str | None, str]]) -> None:
    assert pairs(value) == expected


def test_groups_are_flattened_with_their_name() -> None:
    found = addresses.parse('Team: a@b, "x" <c@d>;, e@f, Nobody:;')
    assert [(address.email, address.group) for address in found] == [("a@b", "Team"), ("c@d", "Team"), ("e@f", None)]


def test_a_long_name_of_a_group_is_not_told_whole_with_each_member() -> None:
    found = addresses.parse(f"{'g' * 20_000}: {'a@b, ' * 2_000};")
    assert [len(address.group or "") for address in found] == [256] * 2_000


def test_idn_is_kept_as_sent_and_shown_in_unicode() -> None:
    (found,) = addresses.parse("x@xn--fiqs8s.cn")
    assert (found.email, found.unicode) == ("x@xn--fiqs8s.cn", "x@中国.cn")


@pytest.mark.parametrize("label", ["a\u202eb", "a\u200bb", "a\u00a0b"])
def test_a_domain_that_would_deceive_is_not_shown(label: str) -> None:
    sent = f"x@xn--{label.encode('punycode').decode()}.cn"
    (found,) = addresses.parse(sent)
    assert (found.email, found.unicode) == (sent, None)


@pytest.mark.parametrize("sent", ["x@xn--\u00e4.cn", "x@xn--a!.cn", f"x@{'a' * 250}.xn--fiqs8s"])
def test_what_is_no_domain_name_is_shown_as_sent(sent: str) -> None:
    (found,) = addresses.parse(sent)
    assert (found.email, found.unicode) == (sent, None)


def test_never_more_than_the_limit() -> None:
    assert len(addresses.parse("a@b," * 50, 10)) == 10


@pytest.mark.parametrize("piece", ["(", "<", '"', "a,", "=?x?q?", "\\", "[", "a@b <", ":", "((a)", "<,"])
def test_repeats_of_a_delimiter_neither_raise_nor_recurse(piece: str) -> None:
    addresses.parse(piece * 20_000)


@given(st.text(alphabet='ab@.,:;<>()[]"\\ =?utf8Q\t中', max_size=60))
def test_anything_gives_clean_text(value: str) -> None:
    for found in addresses.parse(value):
        assert found.email or found.name
        assert "\n" not in found.email


def test_an_empty_quoted_name_is_none() -> None:
    (found,) = addresses.parse('"" <ann@example.org>')
    assert (found.name, found.email) == (None, "ann@example.org")
