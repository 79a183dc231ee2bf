"""A scripted OAuth2 token endpoint on a loopback socket. Each request takes the next reply of the script."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Reply:
    """What the endpoint answers; ``lost`` closes the connection instead, after the request was taken."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked: path, form and the Authorization header."""

    path: str
    form: dict[str, str]
    authorization: str


def tokens(access: str, refresh: str | None = None, expires_in: float = 3600, **more: object) -> Reply:
    """A good answer (RFC 6749 section 5.1)."""
    found = {"access_token": access, "token_type": "Bearer", "expires_in": expires_in, **more}
    return Reply(body=json.dumps(found | ({"refresh_token": refresh} if refresh else {})).encode())


def error(code: str, description: str = "", status: int = 400, headers: dict[str, str] | None = None) -> Reply:
    """A refusal (RFC 6749 section 5.2)."""
    body = json.dumps({"error": code, "error_description": description}).encode()
    return Reply(status, body, headers or {})


Script = Callable[[Request], Reply]


class TokenEndpoint:
    """The running endpoint: its address, what was asked, and the replies still to give."""

    def __init__(self, *replies: Reply | Script) -> None:
        self.replies = list(replies)
        self.asked: list[Request] = []
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        """Address of the token endpoint."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/token"

    def answer(self, request: Request) -> Reply:
        """The next reply; the last one repeats."""
        with self.lock:
            self.asked.append(request)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(request) if callable(reply) else reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                reply = endpoint.answer(Request(self.path, form, self.headers.get("Authorization", "")))
                if reply.lost:
                    self.connection.close()
                    return
                self.send_response_only(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


@contextmanager
def running(*replies: Reply | Script) -> Iterator[TokenEndpoint]:
    """The endpoint on a free port, stopped at the end."""
    endpoint = TokenEndpoint(*replies)
    thread = threading.Thread(target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.server.shutdown()
        endpoint.server.server_close()
        thread.join()
