"""Every form of the console, sent with any content by a signed-in owner: no answer is a failure of ours."""

from collections.abc import Sequence

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from services.common import guard
from services.common.accounts.fields import Account
from services.console import ownership, users
from services.console.settings_form import SHOWN
from tests.integration.console.cast import OWNED, PASSWORD, Cast, seated
from tests.integration.console.test_routes import ROUTES

FORMS = sorted(path for method, path in ROUTES if method == "POST" and path != "/signout")
FIELDS = (
    *("user", "host", "port", "tls", "auth", "name", "secret", "code_expires", "proof", "account", "field", "csrf"),
    *(
        "folder",
        "future",
        "start",
        "confirm",
        "erase",
        "password",
        "back",
        "choice",
        "role",
        "folder_id",
        "epoch",
        "uid",
    ),
    *SHOWN,
)
GOOD = {"user": "me@example.org", "host": "imap.example.org", "port": "993", "name": "fuzz", "account": OWNED}
ODD = (
    "",
    " ",
    "0",
    "-1",
    "9" * 40,
    "٣",
    "a" * 5_000,
    "\r\n",
    "\u202e",
    "\ud7ff",
    "\U0010ffff",
    "%s{}{0}",
    "[",
    "*",
    "\\",
    "=",
)
TEXTS = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=("Cs",)), max_size=60))
VALUES = st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=6)


async def nowhere(host: str, port: int) -> Sequence[str]:
    """No generated name is looked up on the network."""
    raise OSError("there is no such name")


@pytest.fixture(autouse=True)
def quick(people: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LEAST_SECONDS", 0.0)
    object.__setattr__(people.ports, "resolver", nowhere)


def restored(people: Cast, engine: Engine) -> None:
    """The owner and the account as they were, whatever a form did to them."""
    people.ports.budget.started.clear()
    if people.ports.accounts.find(OWNED) is None:
        people.ports.accounts.add(Account(slug=OWNED, host="imap.example.org", user="reader@example.org"))
    ownership.own(engine, users.get(engine, "owner"), OWNED)


@pytest.mark.parametrize("path", FORMS)
def test_no_content_of_a_form_is_a_failure_of_ours(people: Cast, database: Engine, path: str) -> None:
    seen: list[int] = []

    @settings(max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(values=VALUES, good=st.booleans(), kind=st.sampled_from(("form", "files", "json")), htmx=st.booleans())
    def sent(values: dict[str, str], good: bool, kind: str, htmx: bool) -> None:
        restored(people, database)
        whole = (GOOD if good else {}) | values
        answer = _post(client, path, whole, kind, htmx)
        seen.append(answer.status_code)
        assert answer.status_code < 500, (path, whole, kind)
        assert PASSWORD not in answer.text

    name = "admin" if path.startswith("/users") else "owner"
    with seated(people, name) as client:
        sent()
    assert len(seen) >= 20


def _post(client: httpx.Client, path: str, values: dict[str, str], kind: str, htmx: bool) -> httpx.Response:
    there = path.replace("{name}", OWNED).replace("{number}", "999999").replace("{letter}", "1")
    headers = {"hx-request": "true", "hx-target": "test-result"} if htmx else {}
    if kind == "json":
        return client.post(there, json=values, headers=headers)
    if kind == "files":
        parts = {name: (None, text) for name, text in values.items()} | {"extra": ("a.txt", b"\xff\xfe")}
        return client.post(there, files=parts, headers=headers)
    return client.post(there, data=values, headers=headers)
