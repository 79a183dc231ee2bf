"""Granting access through the console: the state belongs to one session and account; the address is left at once."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from services.common.accounts.fields import Account
from services.common.accounts.settings import parse_pairs, settings_of
from services.common.secret import Secret
from services.console import ownership, users
from tests.fakes.token_endpoint import TokenEndpoint, running, tokens
from tests.integration.console.cast import Cast


def account(people: Cast, name: str, endpoint: TokenEndpoint) -> str:
    """An OAuth2 account of the owner whose provider is the scripted endpoint."""
    pairs = [
        f"oauth_token_url={endpoint.url}", "oauth_authorize_url=https://login.example.org/authorize",
        "oauth_client_id=desk", "oauth_scope=imap offline",
    ]  # fmt: skip
    given = parse_pairs(pairs)
    made = Account(
        slug=name, host="h.example.org", user="u@example.org", auth="xoauth2", given=given, settings=settings_of(given)
    )
    people.ports.accounts.add(made)
    owner = users.find(people.ports.engine, "owner")
    assert owner is not None
    ownership.own(people.ports.engine, owner, name)
    return name


def begun(client: httpx.Client, name: str) -> dict[str, str]:
    """Parameters of the provider's address on the page that begins."""
    page = client.post(f"/authorize/{name}")
    assert page.status_code == 200
    found = re.search(r'href="(https://login\.example\.org/authorize\?[^"]+)"', page.text)
    assert found is not None, page.text
    return {key: value[0] for key, value in parse_qs(urlsplit(found[1].replace("&amp;", "&")).query).items()}


def test_what_the_provider_answers_is_stored_once_and_the_address_left(people: Cast) -> None:
    with running(tokens("access-1", "refresh-1")) as endpoint:
        name = account(people, "granting", endpoint)
        sent = begun(people.owner, name)
        assert sent["redirect_uri"] == f"{people.address}/authorize/callback"
        answer = {"state": sent["state"], "code": "canary-code-1"}
        back = people.owner.get("/authorize/callback", params=answer)
        assert (back.status_code, back.headers["location"]) == (303, f"/accounts/{name}?done=granted")
        assert people.ports.accounts.get_secret(name, "refresh_token") == Secret("refresh-1")
        assert endpoint.asked[0].form["code_verifier"]
        again = people.owner.get("/authorize/callback", params=answer)
        assert again.headers["location"] == "/authorize/refused"
        assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    "answer", [{"error": "access_denied"}, {}, {"code": "x"}, {"code": "x", "iss": "https://evil"}]
)
def test_every_other_answer_ends_on_the_same_page(people: Cast, answer: dict[str, str]) -> None:
    back = people.owner.get("/authorize/callback", params=answer | {"state": "made-up"})
    assert back.headers["location"] == "/authorize/refused"
    assert people.owner.get("/authorize/refused").status_code == 200


def test_an_answer_belongs_to_the_session_that_asked(people: Cast) -> None:
    with running(tokens("access-2", "refresh-2")) as endpoint:
        name = account(people, "bound", endpoint)
        sent = begun(people.owner, name)
        stolen = people.admin.get("/authorize/callback", params={"state": sent["state"], "code": "x"})
        assert stolen.headers["location"] == "/authorize/refused"
        assert endpoint.asked == []
        assert people.ports.accounts.get_secret(name, "refresh_token") is None
        assert people.nobody.get("/authorize/callback", params={"state": "s", "code": "x"}).status_code == 303
        assert people.other.post(f"/authorize/{name}").status_code == 404
