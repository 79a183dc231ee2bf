"""The wall around every answer: Host check, size of requests, HEAD, headers that shut out foreign code and framing."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from services.console.settings import ConsoleSettings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_OCTETS = 2 << 20  # 10,000 folders whose names have 20 Chinese characters, as a form spells them
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_YEAR = 31_536_000
_OPEN = "/healthz"  # probes ask by the address of a container, and there is nothing to learn
_MOST_STRANGE = 100
log = logging.getLogger(__name__)
_ONCE = frozenset({"/signin/link", "/authorize/callback"})
"""What a GET of these brings can be used once: who only looks at a link (RFC 9110 section 9.3.2) must not use it."""


class Wall:
    """ASGI middleware; a class because the framework asks for one."""

    def __init__(self, app: App, settings: ConsoleSettings) -> None:
        self._app = app
        self._names = settings.host_names
        self._strict = settings.tls_certificate is not None
        self._behind_proxy = settings.behind_proxy
        self._strange: set[str] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Refuse a foreign Host (DNS rebinding) and a body that is too large; dress every answer in the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        dressed = _dressing(send, scope["path"], self._strict)
        if self._behind_proxy:
            self._tell_strange(_strange_proxy(scope))
        if _host(scope) not in self._names and scope["path"] != _OPEN:
            await _refuse(dressed, 421, b"This host name is not served here; name it in MAILWEIR_CONSOLE_NAMES.\n")
            return
        body = await _body(receive)
        if body is None:
            await _refuse(dressed, 413, b"The request is too large.\n")
            return
        if _holds_nul(scope["raw_path"] + b"?" + scope["query_string"] + body):
            await _refuse(dressed, 400, b"The request holds a NUL character.\n")
            return
        if scope["method"] == "HEAD" and scope["path"] not in _ONCE:
            scope, dressed = {**scope, "method": "GET"}, _headers_only(dressed)
        await self._app(scope, _replayed(body, receive), dressed)

    def _tell_strange(self, address: str) -> None:
        """Once for each: in a container the proxy of the machine has the address of the network's gateway."""
        if address and address not in self._strange and len(self._strange) < _MOST_STRANGE:
            self._strange.add(address)
            log.warning(
                "%s sends X-Forwarded-For and is not in MAILWEIR_CONSOLE_PROXIES: if it is the proxy, name it there; "
                "until then all who come through it are one address, and five wrong passwords are everybody's",
                address,
            )


def _strange_proxy(scope: Message) -> str:
    """The peer when it forwards for others and is not trusted: of a trusted one the server took over what it says."""
    said = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    forwarded = {each.strip() for value in said for each in value.split(",")}
    peer = scope["client"][0] if scope.get("client") else ""
    return peer if forwarded and peer not in forwarded else ""


def _host(scope: Message) -> str:
    found = [value for name, value in scope["headers"] if name == b"host"]
    text = found[0].decode("latin-1").lower() if len(found) == 1 else ""
    name, bracket, _ = text.partition("]")
    return name + bracket if bracket else text.partition(":")[0]


async def _body(receive: Receive) -> bytes | None:
    """The whole body, None when it is larger than any form of ours."""
    octets, more = b"", True
    while more:
        message = await receive()
        octets += message.get("body", b"")
        more = bool(message.get("more_body", False))
        if len(octets) > MOST_OCTETS:
            return None
    return octets


def _holds_nul(request: bytes) -> bool:
    """NUL as it is, in a URL or form, or in JSON: no text of ours has one, and Postgres takes none."""
    return any(form in request for form in (b"\0", b"%00", b"\\u0000"))


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever follows: a browser that goes away is still noticed."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def _dressing(send: Send, path: str, strict: bool) -> Send:
    cache = f"public, max-age={_YEAR}, immutable" if path.startswith("/static/") else "no-store"
    headers = _HEADERS | {"cache-control": cache}
    if strict:
        headers["strict-transport-security"] = f"max-age={_YEAR}"
    ours = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0].lower().decode() not in headers]
            message["headers"] = [*kept, *ours]
        await send(message)

    return dressed


def _headers_only(send: Send) -> Send:
    """What a GET is answered, without the content: monitors and link checkers ask so."""

    async def sent(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sent


async def _refuse(send: Send, status: int, body: bytes) -> None:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [kind]})
    await send({"type": "http.response.body", "body": body})
