"""What goes on the wire of a secret as it was typed or pasted."""

import pytest

from services.common.accounts.fields import Account
from services.common.secret import Secret
from services.poller.connect import credentials_of


def _sent(provider: str, typed: str, *, token: bool = False) -> str:
    account = Account(slug="work", host="h", user="me@example.org", provider=provider)
    return credentials_of(account, Secret(typed), token=token).secret


@pytest.mark.parametrize("provider", ["chinamobile", "139", "netease", "qq", "aliyun", "gmail", "yahoo", "icloud"])
@pytest.mark.parametrize(
    "typed", ["abcd efgh", " abcdefgh ", "abcd\u00a0efgh\t", "\u3000abcdefgh\u200b", "\ufeffabcdefgh"]
)
def test_a_code_made_by_the_provider_goes_without_the_spaces_it_is_shown_with(provider: str, typed: str) -> None:
    assert _sent(provider, typed) == "abcdefgh"


@pytest.mark.parametrize("typed", [" a b ", "密 码\u3000"])
def test_a_password_that_a_person_chose_goes_as_it_is(typed: str) -> None:
    assert _sent("generic", typed) == _sent("exmail", typed) == typed


def test_a_token_goes_as_it_is() -> None:
    assert _sent("gmail", "a.b-c ", token=True) == "a.b-c "
