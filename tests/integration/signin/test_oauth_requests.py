"""Requests to OAuth2 endpoints: any client, any address, and a certificate that is good by its names only."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.common.oauth.answers import Client
from services.common.oauth.http import Unreachable, ask
from services.common.secret import Secret
from tests.fakes.imap_tls import server_context, write_ca
from tests.fakes.token_endpoint import running, tokens


async def test_a_client_outside_ascii_goes_into_the_form_where_its_encoding_is_defined() -> None:
    with running(tokens("a")) as endpoint:
        for client_id, secret in (("c", "密码 %41+ä"), ("клиент", "s")):
            await ask(Client(endpoint.url, client_id), endpoint.url, {"grant_type": "x"}, Secret(secret))
            asked = endpoint.asked[-1]
            assert asked.form == {"grant_type": "x", "client_id": client_id, "client_secret": secret}
            assert asked.authorization == ""


@pytest.mark.parametrize("url", ["https://-\u00e9.org/t", "https://\u2603.org/t"])
async def test_an_address_that_is_none_is_out_of_reach(url: str) -> None:
    with pytest.raises(Unreachable, match="did not answer: InvalidURL"):
        await ask(Client(url, "c"), url, {}, None)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Callable[[str], Client]]:
    """A client of an endpoint over TLS with a certificate of that kind, and of its authority."""
    with running(tokens("a")) as endpoint:

        def client(kind: str) -> Client:
            context = server_context(kind, None, tmp_path)
            endpoint.server.socket = context.wrap_socket(endpoint.server.socket, server_side=True)
            url = endpoint.url.replace("http://127.0.0.1", "https://localhost")
            return Client(url, "c", ca_file=str(write_ca(tmp_path)))

        yield client


async def test_no_keys_of_a_connection_are_written_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secured: Callable[[str], Client]
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    client = secured("good")
    assert (await ask(client, client.token_url, {}, None)).status == 200
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("kind", ["subject-name", "wrong-name", "self-signed", "expired"])
async def test_a_certificate_is_good_by_its_own_names_only(kind: str, secured: Callable[[str], Client]) -> None:
    client = secured(kind)
    with pytest.raises(Unreachable, match="localhost did not answer"):
        await ask(client, client.token_url, {}, None)
