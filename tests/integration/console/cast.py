"""The fixed cast of the console's tests, each with a browser of their own; the server is a real one on loopback."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from sqlalchemy import Engine

from services.common.accounts.fields import Account
from services.common.accounts.store import AccountStore, master_key
from services.common.clock import SystemClock
from services.common.guard import TestBudget
from services.common.secret import Secret
from services.common.stores.folder import FolderStore
from services.console import ownership, sessions, users
from services.console.adapters import Ports
from services.console.app import create
from services.console.serving import serve
from services.console.settings import ConsoleSettings
from tests.polling import until

PASSWORD = "correct horse battery"
OWNED = "mine"
PATIENCE = 60.0  # seconds for what is done at once on a quiet machine


@dataclass(frozen=True)
class Cast:
    """``owner`` has the account ``mine``; ``other`` has none; ``admin`` sees all; ``nobody`` is not signed in."""

    ports: Ports
    address: str
    owner: httpx.Client
    other: httpx.Client
    admin: httpx.Client
    nobody: httpx.Client


@contextmanager
def cast(engine: Engine, home: Path) -> Iterator[Cast]:
    """Users, an account, and a console that serves them."""
    ports = console_ports(engine, home)
    people = {name: users.add(engine, name, Secret(PASSWORD), role) for name, role in _ROLES}
    ports.accounts.add(Account(slug=OWNED, host="imap.example.org", user="reader@example.org"))
    ownership.own(engine, people["owner"], OWNED)
    with serving(ports, ConsoleSettings(port=0)) as address:
        browsers = {name: browser(address, name) for name, _ in _ROLES}
        nobody = httpx.Client(base_url=address, headers=HTML, timeout=PATIENCE)
        yield Cast(ports, address, nobody=nobody, **browsers)
        for client in (*browsers.values(), nobody):
            client.close()


_ROLES: tuple[tuple[str, users.Role], ...] = (("owner", "user"), ("other", "user"), ("admin", "admin"))
HTML = {"accept": "text/html"}


def browser(address: str, name: str, password: str = PASSWORD) -> httpx.Client:
    """A client that has signed in by the form; its changes carry the token of the page."""
    client = httpx.Client(base_url=address, headers=HTML, timeout=PATIENCE)
    form = client.get("/signin")
    sent = {"name": name, "password": password, "csrf": csrf_in(form.text)}
    assert client.post("/signin", data=sent).status_code == 303
    client.headers["x-csrf-token"] = csrf_in(client.get("/signin", follow_redirects=True).text)
    return client


def seated(people: "Cast", name: str) -> httpx.Client:
    """The same without the form: signed in by a session of the database, which costs no hash."""
    ports = people.ports
    session = sessions.start(
        ports.engine, users.get(ports.engine, name), "browser", ports.clock.now(), timedelta(hours=1)
    )
    headers = HTML | {"x-csrf-token": session.csrf}
    cookies = {"mailweir": session.token}
    return httpx.Client(base_url=people.address, headers=headers, cookies=cookies, timeout=PATIENCE)


def csrf_in(html: str) -> str:
    """The token of a page."""
    found = re.search(r'X-CSRF-Token": "([0-9a-f]{64})"', html.replace("&#34;", '"'))
    assert found is not None, html[:500]
    return found[1]


@contextmanager
def serving(ports: Ports, settings: ConsoleSettings) -> Iterator[str]:
    """The address of a console in a thread of its own."""
    ready: list[str] = []
    opened = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def told(address: str) -> None:
        ready.append(address)
        opened.set()

    thread = threading.Thread(
        target=lambda: loop.run_until_complete(serve(create(ports, settings), settings, stop, told)), daemon=True
    )
    thread.start()
    try:
        assert opened.wait(PATIENCE)
        _connect(ready[0])
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
    loop.close()


def _connect(address: str) -> None:
    host, _, port = address.removeprefix("http://").rpartition(":")

    def listens() -> bool:
        with socket.socket() as trying:
            return trying.connect_ex((host, int(port))) == 0

    until(listens, PATIENCE)


def console_ports(engine: Engine, home: Path) -> Ports:
    """The collaborators of a console on a database."""
    clock = SystemClock()
    accounts = AccountStore(engine, lambda may_create: master_key.load(home, {}, may_create=may_create))
    return Ports(engine, accounts, clock, TestBudget(clock), (), home, FolderStore(home / "objects"))
