import pytest

from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.accounts.settings import FIELDS, settings_of
from services.console import settings_form
from services.console.forms import Invalid
from services.console.texts import LANGUAGES, load

STORED = Account(slug="work", host="imap.example.org", user="me@example.org", given={"oauth_scope": "mail"})


def test_typed_settings_are_stored_and_written_back_as_typed() -> None:
    typed = {
        "poll_interval": "5m", "max_message_bytes": "8MiB", "daily_bytes": "1GiB",
        "include": "INBOX\r\n工作/*\r\n\r\n", "exclude": "[Gmail]/Spam\n\\Junk",
        "accept_seen": "true", "full_pass_interval": "90",
    }  # fmt: skip
    after = settings_form.changed(STORED, typed)
    assert after.settings.poll_interval == 300
    assert after.settings.include == ("INBOX", "工作/*")
    assert after.given["oauth_scope"] == "mail"
    shown = {field.name: field.given for field in settings_form.fields_of(after)}
    assert shown["poll_interval"] == "5m"
    assert shown["full_pass_interval"] == "90"
    assert shown["max_message_bytes"] == "8MiB"
    assert shown["exclude"] == "[Gmail]/Spam\n\\Junk"
    assert settings_form.changed(after, shown) == after


def test_an_empty_field_takes_the_default_and_a_field_that_was_not_sent_stays() -> None:
    given = settings_form.changed(STORED, {"poll_interval": "10", "daily_bytes": "7"})
    after = settings_form.changed(given, {"poll_interval": " "})
    assert after.settings.poll_interval == 60
    assert after.settings.daily_bytes == 7


def test_what_counts_without_the_owners_word_is_the_providers() -> None:
    known = profile("gmail")
    account = Account(
        slug="g", host="imap.gmail.com", user="a@gmail.com", provider="gmail", given={"daily_bytes": 5},
        settings=settings_of({"daily_bytes": 5}, known.settings),
    )  # fmt: skip
    otherwise = {field.name: field.otherwise for field in settings_form.fields_of(account)}
    assert otherwise["daily_bytes"] == settings_form.written("daily_bytes", known.settings["daily_bytes"])
    assert otherwise["poll_interval"] == "1m"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("poll_interval", "0"), ("poll_interval", "soon"), ("max_message_bytes", "-1"), ("daily_bytes", "2TiB"),
        ("daily_bytes", "0"), ("daily_bytes", "1.5"), ("daily_bytes", "٣x"), ("accept_seen", "perhaps"),
        ("include", "a\x07b"), ("full_pass_interval", "nan"), ("full_pass_interval", "9" * 400),
    ],
)  # fmt: skip
def test_a_bad_value_is_told_by_its_name(name: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        settings_form.changed(STORED, {name: value})
    assert set(caught.value.problems) == {name}


def test_only_known_settings_are_changed() -> None:
    assert (
        settings_form.changed(
            STORED, {"oauth_token_url": "https://evil.example", "legacy_tls": "true", "retention_days": "1"}
        ).given
        == STORED.given
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", settings_form.SHOWN)
def test_each_setting_is_explained(language: str, name: str) -> None:
    texts = load("zh" if language == "zh" else "en")
    assert name in FIELDS
    assert texts[f"settings.{name}"]
    assert texts[f"settings.about_{name}"]
    assert texts[f"problem.{name}"]
