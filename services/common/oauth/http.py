"""Requests to OAuth2 endpoints: verified TLS, no redirects, no proxy from the environment, a bounded answer.

The HTTP client is imported when a request is made: an account with a password would pay 0.1 s for it at every start.
"""
# ruff: noqa: PLC0415

import asyncio
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from services.common.errors import ConfigurationError, MailweirError
from services.common.oauth.answers import Answer, Client, read
from services.common.secret import Secret
from services.common.tls import client_context

if TYPE_CHECKING:
    import httpx

SECONDS = 30.0
MOST_OCTETS = 1 << 20


class Unreachable(MailweirError):
    """The endpoint did not answer; whether it acted is unknown."""

    exit_code = 5


async def ask(client: Client, url: str, form: Mapping[str, str], secret: Secret | None) -> Answer:
    """POST a form as that client (RFC 6749 section 2.3.1: Basic, and in the body where a server knows only that).

    Outside ASCII servers disagree about the octets of Basic; in the body they are those of UTF-8 (appendix B).

    Raises:
        Unreachable: name, connection, TLS or time-out; the text names the host, never the form.

    """
    plain = secret is not None and (client.client_id + secret.reveal()).isascii()
    method = "none" if secret is None else "client_secret_basic" if plain else "client_secret_post"
    answer = await _post(client, url, form, secret, method)
    if plain and answer.status in {400, 401} and getattr(read(answer), "code", "") == "invalid_client":
        answer = await _post(client, url, form, secret, "client_secret_post")
    return answer


async def _post(client: Client, url: str, form: Mapping[str, str], secret: Secret | None, method: str) -> Answer:
    import httpx
    from authlib.oauth2.auth import ClientAuth

    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    auth = ClientAuth(client.client_id, secret.reveal() if secret else None, method)
    url, headers, body = auth.prepare("POST", url, headers, urlencode(dict(form)))
    context = _context(client.ca_file)
    try:
        async with (
            asyncio.timeout(2 * SECONDS),
            httpx.AsyncClient(verify=context, trust_env=False, timeout=SECONDS) as http,
            http.stream("POST", url, headers=headers, content=body) as response,
        ):
            return Answer(response.status_code, dict(response.headers), await _bounded(response))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreachable(f"{urlsplit(url).hostname} did not answer: {type(error).__name__}") from None


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return client_context(ca_file)
    except OSError as error:
        raise ConfigurationError(f"oauth_ca_file: {ca_file} cannot be used ({error.strerror})") from error


async def _bounded(response: "httpx.Response") -> bytes:
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MOST_OCTETS:
            return b""
    return body
