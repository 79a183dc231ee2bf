"""The fixed cast at every door: each route of the application has a row here, and a route without one fails."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import pytest
from fastapi.routing import APIRoute

from services.common.accounts.fields import Account
from services.console import handlers, ownership, users
from services.console.app import create
from services.console.settings import ConsoleSettings
from tests.integration.console.cast import HTML, OWNED, PASSWORD, PATIENCE, Cast, csrf_in, seated

Door = Literal["open", "signed in", "own thing", "own account", "admin"]
DOORS: dict[Door, str] = {
    "open": """
        GET /healthz
        GET /signin
        POST /signin
        GET /signin/link
        POST /preferences/language
        POST /preferences/theme
    """,
    "signed in": """
        GET /
        GET /openapi.json
        POST /signout
        POST /prove
        GET /arrivals
        GET /quarantine
        POST /quarantine/retry
        GET /dead-letters
        GET /audit
        GET /accounts
        POST /accounts
        GET /api/imap/config
        POST /api/imap/test
        GET /authorize/callback
        GET /authorize/refused
    """,
    "own thing": """
        GET /dead-letters/{letter}
        POST /dead-letters/{letter}/replay
        POST /dead-letters/{letter}/drop
        GET /api/imap/test/{test_id}
        POST /api/imap/sync
    """,
    "own account": """
        GET /accounts/{name}
        GET /accounts/{name}/progress
        GET /accounts/{name}/edit
        POST /accounts/{name}/edit
        GET /accounts/{name}/secret
        POST /accounts/{name}/secret
        GET /accounts/{name}/folders
        POST /accounts/{name}/folders
        GET /accounts/{name}/settings
        POST /accounts/{name}/settings
        GET /accounts/{name}/remove
        GET /accounts/{name}/erasing
        POST /accounts/{name}/remove
        POST /accounts/{name}/pause
        POST /accounts/{name}/resume
        POST /accounts/{name}/sync
        GET /authorize/{name}
        POST /authorize/{name}
    """,
    "admin": """
        GET /users
        POST /users
        GET /users/{number}/accounts
        POST /users/{number}/accounts
        POST /users/{number}/remove
    """,
}
ROUTES = {
    (line.split()[0], line.split()[1]): door for door, lines in DOORS.items() for line in lines.strip().splitlines()
}
CHANGING = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Ask:
    """One request as one of the cast."""

    method: str
    path: str

    def by(self, client: httpx.Client, account: str = OWNED) -> httpx.Response:
        path = self.path.replace("{name}", account)
        return client.request(self.method, re.sub(r"\{\w+\}", "999999", path))


def behind(*doors: Door) -> list[Ask]:
    return [Ask(*route) for route, door in ROUTES.items() if door in doors]


def changing(asks: list[Ask]) -> list[Ask]:
    return [ask for ask in asks if ask.method in CHANGING]


def api_routes(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Method and path of every route, through the routers that were included."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in route.methods)
        elif hasattr(route, "original_router"):
            yield from api_routes(route.original_router.routes)


def to_the_door(answer: httpx.Response) -> bool:
    """Whether the answer is the way to the sign-in and nothing else."""
    return answer.status_code == 401 or (answer.status_code, answer.headers.get("location")) == (303, "/signin")


@pytest.fixture
def owner(people: Cast) -> Iterator[httpx.Client]:
    """The owner, just signed in, with the account in place whatever a route before did to it."""
    if people.ports.accounts.find(OWNED) is None:
        people.ports.accounts.add(Account(slug=OWNED, host="imap.example.org", user="reader@example.org"))
        ownership.own(people.ports.engine, users.get(people.ports.engine, "owner"), OWNED)
    with seated(people, "owner") as client:
        yield client


@pytest.fixture
def stranger(people: Cast) -> Iterator[httpx.Client]:
    """Nobody, but with a page and its token: only the sign-in is wanting."""
    with httpx.Client(base_url=people.address, headers=HTML, timeout=PATIENCE) as client:
        client.headers["x-csrf-token"] = csrf_in(client.get("/signin").text)
        yield client


def test_every_route_has_a_row(people: Cast) -> None:
    found = set(api_routes(create(people.ports, ConsoleSettings(port=0)).routes))
    assert found == set(ROUTES)


@pytest.mark.parametrize("ask", behind("open"), ids=str)
def test_an_open_door_lets_nobody_through_to_nothing_private(stranger: httpx.Client, ask: Ask) -> None:
    assert ask.by(stranger).status_code in (200, 303, 401, 422)


@pytest.mark.parametrize("ask", behind("signed in", "own thing", "own account", "admin"), ids=str)
def test_nobody_is_led_to_the_sign_in(stranger: httpx.Client, ask: Ask) -> None:
    assert to_the_door(ask.by(stranger))


@pytest.mark.parametrize("ask", behind("signed in", "own account"), ids=str)
def test_the_right_user_is_let_in(owner: httpx.Client, ask: Ask) -> None:
    answer = ask.by(owner)
    assert answer.status_code not in (404, 405)
    assert answer.status_code < 500
    assert not to_the_door(answer) or ask.path == "/signout"


@pytest.mark.parametrize("ask", behind("own thing"), ids=str)
def test_what_is_not_there_is_not_there(owner: httpx.Client, ask: Ask) -> None:
    assert ask.by(owner).status_code == 404


@pytest.mark.parametrize("ask", behind("own account"), ids=str)
def test_another_user_cannot_tell_an_account_from_none(owner: httpx.Client, people: Cast, ask: Ask) -> None:
    with seated(people, "other") as other:
        there, none = ask.by(other), ask.by(other, "no-such")
    assert there.status_code == none.status_code == 404
    assert there.text.replace(OWNED, "no-such") == none.text


@pytest.mark.parametrize("ask", behind("admin"), ids=str)
def test_what_is_the_administrators_is_nothing_to_others(owner: httpx.Client, people: Cast, ask: Ask) -> None:
    assert ask.by(owner).status_code == 404
    with seated(people, "admin") as admin:
        assert ask.by(admin).status_code in ((404,) if "{number}" in ask.path else (200, 303, 400))


@pytest.mark.parametrize("token", [None, "0" * 64])
@pytest.mark.parametrize("ask", changing(behind(*DOORS)), ids=str)
def test_a_change_from_a_foreign_page_is_refused(owner: httpx.Client, ask: Ask, token: str | None) -> None:
    del owner.headers["x-csrf-token"]
    if token is not None:
        owner.headers["x-csrf-token"] = token
    assert ask.by(owner).status_code == 403


@pytest.mark.parametrize("odd", ["%00", "%0d%0aset-cookie:a=b", "..%2fx", "-1", "9" * 30, "a" * 5_000, "%ff"])
def test_an_odd_name_is_no_failure_of_ours(owner: httpx.Client, odd: str) -> None:
    for ask in behind(*DOORS):
        answer = owner.request(ask.method, re.sub(r"\{\w+\}", odd, ask.path)) if "{" in ask.path else None
        assert answer is None or answer.status_code in (400, 404, 405, 422), ask
        assert answer is None or "set-cookie" not in answer.headers


@pytest.mark.parametrize("odd", ["%00", "9" * 30, "-1", "a%0d%0ab"])
def test_odd_words_after_the_question_mark_are_no_failure_of_ours(owner: httpx.Client, odd: str) -> None:
    names = ("account", "action", "address", "after", "before", "code", "days", "done", "error", "number", "page")
    query = "&".join(f"{name}={odd}" for name in (*names, "settled", "state", "token", "until", "user"))
    for ask in behind("open", "signed in", "admin"):
        assert ask.method != "GET" or owner.get(f"{ask.path}?{query}").status_code < 500, ask


@pytest.mark.parametrize("path", sorted({path for _, path in ROUTES}))
def test_another_method_is_refused(owner: httpx.Client, path: str) -> None:
    known = {method for method, other in ROUTES if other == path}
    for method in {"GET", "POST", "PUT", "DELETE"} - known:
        assert Ask(method, path).by(owner).status_code in (404, 405)


@pytest.mark.parametrize("ask", [ask for ask in behind(*DOORS) if ask.method == "GET"], ids=str)
def test_head_is_get_without_the_content_but_uses_no_link_up(owner: httpx.Client, ask: Ask) -> None:
    """Monitors and link checkers ask so; a link from the terminal or of a provider can be used once."""
    head, path = Ask("HEAD", ask.path).by(owner), ask.path
    if path in ("/signin/link", "/authorize/callback"):
        assert (head.status_code, head.headers["allow"], head.content) == (405, "GET", b"")
        return
    answer = ask.by(owner)
    assert (head.status_code, head.content) == (answer.status_code, b"")
    for name in ("content-type", "content-security-policy", "location", "cache-control"):
        assert head.headers.get(name) == answer.headers.get(name)


def test_a_link_that_was_only_looked_at_still_signs_in(people: Cast) -> None:
    engine = people.ports.engine
    path = handlers.one_time_link(engine, users.get(engine, "owner"), people.ports.clock.now())
    with httpx.Client(base_url=people.address, headers=HTML, timeout=PATIENCE) as browser:
        assert browser.head(path).status_code == 405
        assert (browser.get(path).status_code, browser.get(path).status_code) == (303, 401)


@pytest.mark.parametrize("path", ["/healthz", "/signin", "/static/app.css", "/no-such-page"])
def test_a_monitor_may_look_at_what_is_open(people: Cast, path: str) -> None:
    head, answer = people.nobody.head(path), people.nobody.get(path)
    assert (head.status_code, head.content) == (answer.status_code, b"")
    assert head.headers.get("content-length") == answer.headers.get("content-length")


@pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "https://evil.example", "/x\r\nset-cookie: a=b"])
def test_the_way_back_leads_nowhere_else(owner: httpx.Client, back: str) -> None:
    answer = owner.post("/prove", data={"password": PASSWORD, "back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "set-cookie" not in answer.headers


def test_a_page_that_answers_a_form_leads_back_to_one_that_can_be_opened(owner: httpx.Client) -> None:
    for path, data in (
        ("/accounts", {"user": ""}),
        ("/api/imap/test", {"user": ""}),
        ("/dead-letters/1/drop", {}),
        ("/users/9/remove", {}),
    ):
        shown = owner.post(path, data=data)
        assert shown.status_code in (404, 422)
        assert "back=/accounts" in shown.text
    listed = owner.get("/arrivals", params={"days": 90, "account": ""}).text
    assert "back=/arrivals%3Fdays%3D90%26account%3D" in listed
    language = "/preferences/language?back=/arrivals%3Fdays%3D90%26account%3D"
    answer = owner.post(language, data={"choice": "en"})
    assert answer.headers["location"] == "/arrivals?days=90&account="
