import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.accounts.fields import Account
from services.common.accounts.providers import profile, profiles
from services.console import forms
from services.console.forms import Form, Invalid
from services.console.texts import LANGUAGES, Language, lookup
from services.front.plain import line
from services.poller.domain.choose import chosen
from services.poller.imap.model import Folder

STORED = Account(slug="work", host="imap.example.org", user="me@example.org", given={"daily_bytes": 1000})


@pytest.mark.parametrize(
    ("address", "host", "auth"),
    [
        ("a@qq.com", "imap.qq.com", "auto"), ("a@163.com", "imap.163.com", "auto"),
        ("a@gd.chinamobile.com", "imap.gd.chinamobile.com", "auto"), ("a@example.org", "imap.example.org", "auto"),
        ("a@outlook.com", "outlook.office365.com", "xoauth2"), ("nothing", "", "auto"), ("a@", "", "auto"),
    ],
)  # fmt: skip
def test_an_address_suggests_its_server(address: str, host: str, auth: str) -> None:
    form = forms.suggested(address)
    assert (form.host, form.auth, form.user) == (host, auth, address)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "a b"), ("host", ""), ("user", ""), ("port", "70000"), ("port", "-1"), ("port", "٣"), ("tls", "none"),
        ("auth", "x"), ("name", "a\n"), ("name", "-a"), ("code_expires", "2026-1-1"),
    ],
)  # fmt: skip
def test_a_bad_field_is_told_by_its_name_and_in_both_languages(field: str, value: str) -> None:
    typed = {"name": "work", "user": "me@example.org", "host": "imap.example.org", "port": "993"} | {field: value}
    with pytest.raises(Invalid) as caught:
        forms.account_of(Form(**typed))
    assert set(caught.value.problems) == {field}
    english, chinese = (forms.shown(caught.value.problems, lookup(lang), lang) for lang in ("en", "zh"))
    assert english[field]
    assert english[field] != chinese[field]


def test_what_the_form_does_not_show_is_kept() -> None:
    after = forms.account_of(
        forms.sent({"user": " me@example.org ", "host": "imap.example.org", "port": "993"}), STORED
    )
    assert after.given == {"daily_bytes": 1000}
    assert not forms.moved(STORED, after)


@pytest.mark.parametrize(
    ("change", "moved", "diverted"),
    [
        ({}, False, False),
        ({"port": "1993"}, False, True),
        ({"host": "b.org"}, True, True),
        ({"auth": "password"}, False, False),
    ],
)
def test_where_a_secret_would_go(change: dict[str, str], moved: bool, diverted: bool) -> None:
    typed = {"user": "me@example.org", "host": "imap.example.org", "port": "993"} | change
    after = forms.account_of(forms.sent(typed), STORED)
    assert (forms.moved(STORED, after), forms.diverted(STORED, after)) == (moved, diverted)


@pytest.mark.parametrize("text", ["a\r\nb", "a\0", "   ", "x" * 70_000])
def test_a_secret_is_one_line(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        forms.secret_of(text)
    assert text.strip() not in str(caught.value) or not text.strip()
    assert forms.secret_of("") is None


@pytest.mark.parametrize("provider", sorted(profiles()))
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_advice_on_a_page_names_buttons_not_commands(provider: str, lang: Language) -> None:
    known = profile(provider)
    for about in {*known.advice, *profile("generic").advice}:
        told = forms.advice(known, about, lang)
        assert "mailweir accounts secret" not in told
        assert "mailweir accounts authorize" not in told
    assert lookup(lang)("account.authorize") in forms.advice(known, "consent", lang)


@pytest.mark.parametrize("provider", ["chinamobile", "qq", "netease"])
def test_a_code_is_explained_where_it_is_typed(provider: str) -> None:
    for lang in LANGUAGES:
        told = forms.explained(profile(provider), lang)
        assert "授权码" in told
        assert "“" + lookup(lang)("account.replace") not in told
    assert forms.explained(profile("generic"), "en") == ""


def test_a_choice_of_folders_says_what_becomes_of_later_ones() -> None:
    names = ["INBOX", "项目", "Junk"]
    assert forms.chosen_patterns(names, {"INBOX", "项目"}, future=False) == {
        "include": ("INBOX", "项目"),
        "exclude": (),
    }
    assert forms.chosen_patterns(names, {"INBOX", "项目"}, future=True) == {"include": (), "exclude": ("Junk",)}


def test_a_choice_of_folders_means_their_names_as_they_are() -> None:
    names = ["a*", "ab", "\\Sent"]
    listing = [Folder(name.encode(), name, None, frozenset()) for name in names]
    for future in (False, True):
        patterns = forms.chosen_patterns(names, {"a*", "\\Sent"}, future=future)
        taken = [folder.name for folder in listing if chosen(folder, patterns["include"], patterns["exclude"])]
        assert taken == ["a*", "\\Sent"]


@given(st.dictionaries(st.sampled_from(["name", "user", "host", "port", "tls", "auth", "code_expires"]), st.text()))
def test_any_text_gives_an_account_or_problems(values: dict[str, str]) -> None:
    form = forms.sent(values)
    with contextlib.suppress(Invalid):
        assert forms.account_of(form).host.isascii()
    assert all(map(str.isprintable, (forms.printable(form).user, forms.printable(form).host)))


@pytest.mark.parametrize("provider", sorted(profiles()))
def test_what_the_poller_advises_is_retold_for_a_page(provider: str) -> None:
    known = profile(provider)
    for about in known.advice:
        told = line(known.advise(about, account="work"))
        for language in LANGUAGES:
            shown = forms.retold(told, "work", language)
            assert shown == forms.advice(known, about, language)
            assert "mailweir accounts secret" not in shown
    assert forms.retold("some other words", "work", "zh") == "some other words"
