"""Signing in: sessions, their ends, forged requests, guessing."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from services.console import handlers, sessions, users
from tests.integration.console.cast import HTML, PASSWORD, PATIENCE, Cast, browser, csrf_in


@pytest.fixture
def visitor(people: Cast) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=people.address, headers=HTML, timeout=PATIENCE) as client:
        yield client


def sign_in(client: httpx.Client, name: str, password: str) -> httpx.Response:
    form = client.get("/signin")
    return client.post("/signin", data={"name": name, "password": password, "csrf": csrf_in(form.text)})


def test_a_right_password_changes_the_token_of_the_browser(people: Cast, visitor: httpx.Client) -> None:
    visitor.get("/signin")
    planted = visitor.cookies["mailweir"]
    assert sign_in(visitor, "owner", PASSWORD).status_code == 303
    assert visitor.cookies["mailweir"] != planted


@pytest.mark.parametrize(("name", "password"), [("owner", "wrong password"), ("stranger", PASSWORD), ("", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_read_the_same(visitor: httpx.Client, name: str, password: str) -> None:
    refused = sign_in(visitor, name, password)
    assert refused.status_code == 401
    assert "do not go together" in refused.text
    assert password not in refused.text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(visitor: httpx.Client) -> None:
    told = visitor.get("/signin").headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=lax" in told


def test_a_form_without_the_token_of_the_page_is_refused(visitor: httpx.Client) -> None:
    visitor.get("/signin")
    forged = visitor.post("/signin", data={"name": "owner", "password": PASSWORD, "csrf": "0" * 64})
    assert forged.status_code == 403


def test_the_sixth_guess_in_a_row_is_not_looked_at(people: Cast, visitor: httpx.Client) -> None:
    guesses = [sign_in(visitor, "guessed", f"guess {number}").status_code for number in range(6)]
    assert guesses == [401] * 5 + [429]


def test_signing_out_ends_the_session_on_the_server(people: Cast) -> None:
    leaving = browser(people.address, "other")
    token = leaving.cookies["mailweir"]
    assert leaving.post("/signout").status_code == 303
    leaving.close()
    again = httpx.get(f"{people.address}/openapi.json", cookies={"mailweir": token}, timeout=PATIENCE)
    assert again.status_code == 401


def test_a_link_signs_in_once(people: Cast, visitor: httpx.Client) -> None:
    ports = people.ports
    owner = users.find(ports.engine, "owner")
    assert owner is not None
    link = handlers.one_time_link(ports.engine, owner, ports.clock.now())
    assert visitor.get(link).status_code == 303
    assert httpx.get(people.address + link, headers=HTML, timeout=PATIENCE).status_code == 401


def test_an_idle_session_has_ended(people: Cast) -> None:
    ports = people.ports
    owner = users.find(ports.engine, "owner")
    assert owner is not None
    now = ports.clock.now()
    begun = now - 2 * handlers.LINK_LASTS
    session = sessions.start(ports.engine, owner, "browser", begun, 10 * handlers.LINK_LASTS)
    assert sessions.find(ports.engine, session.token, now, handlers.LINK_LASTS, ("browser",)) is None
    assert sessions.find(ports.engine, session.token, now, 3 * handlers.LINK_LASTS, ("browser",)) is not None


def test_a_page_that_asks_by_itself_keeps_no_session_alive(people: Cast, visitor: httpx.Client) -> None:
    ports = people.ports
    begun = ports.clock.now() - timedelta(minutes=59)
    session = sessions.start(ports.engine, users.get(ports.engine, "owner"), "browser", begun, timedelta(hours=12))
    visitor.cookies["mailweir"] = session.token
    (polls,) = re.findall(r"hx-headers='({\"X-Poll[^']*)'", visitor.get("/", headers={"x-poll": "yes"}).text)
    assert visitor.get("/", headers=json.loads(polls)).status_code == 200
    soon, idle = ports.clock.now() + timedelta(minutes=2), timedelta(hours=1)
    assert sessions.find(ports.engine, session.token, soon, idle, ("browser",)) is None
    assert visitor.get("/").status_code == 200
    assert sessions.find(ports.engine, session.token, soon, idle, ("browser",)) is not None


def test_a_session_ends_after_twelve_hours_however_busy_it_is(people: Cast, visitor: httpx.Client) -> None:
    assert sign_in(visitor, "owner", PASSWORD).status_code == 303
    engine, token = people.ports.engine, visitor.cookies["mailweir"]
    begun, idle = people.ports.clock.now(), timedelta(hours=1)
    for minutes in range(30, 12 * 60, 30):
        assert sessions.find(engine, token, begun + timedelta(minutes=minutes), idle, ("browser",)) is not None
    assert sessions.find(engine, token, begun + timedelta(hours=12, seconds=1), idle, ("browser",)) is None


def test_a_program_signs_in_by_its_token_and_needs_no_page(people: Cast) -> None:
    ports = people.ports
    owner = users.find(ports.engine, "owner")
    assert owner is not None
    session = sessions.start(ports.engine, owner, "program", ports.clock.now(), handlers.PROGRAM_LASTS)
    answer = httpx.get(
        f"{people.address}/openapi.json", headers={"authorization": f"Bearer {session.token}"}, timeout=PATIENCE
    )
    assert answer.json()["openapi"].startswith("3.")


def test_the_token_itself_is_not_in_the_database(people: Cast) -> None:
    token = people.owner.cookies["mailweir"]
    with people.ports.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT token_hash::text FROM console_sessions").scalars().all()
    assert rows
    assert token.encode().hex() not in "".join(rows)
