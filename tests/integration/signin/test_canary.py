"""A grant by browser and by device, a renewal, a wrong and a rotated master key: no secret of theirs anywhere."""

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from services.common import logging as logs
from services.common.accounts.store import AccountStore
from services.common.oauth.errors import TokenError
from services.common.oauth.tokens import access_token
from tests.canary import found_in
from tests.fakes.clock import FakeClock
from tests.fakes.token_endpoint import Reply, TokenEndpoint, error, running, tokens
from tests.integration.signin.commands import USER, Run

MASTER, OTHER = os.urandom(32), os.urandom(32)
SECRETS = {
    "client secret": "cs.91-Client/secret+Kq7==",
    "authorization code": "ac.92-Code/granted+Lr8==",
    "device code": "dc.93-Device/code+Ms9==",
    "access token": "at.94-Access/token+Nt0==",
    "refresh token": "rt.95-Refresh/token+Ou1==",
    "device's refresh token": "rt.96-Second/token+Pv2==",
    "master key": MASTER.hex(),
    "another master key": OTHER.hex(),
}


def _rows(engine: Engine) -> str:
    with engine.connect() as connection:
        names = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        return "".join(
            row
            for name in names
            for row in connection.execute(text(f'SELECT row_to_json(t)::text FROM "{name}" t')).scalars()
        )


def _of_process(pid: int) -> str:
    """Arguments of a process and of its children, and the children's environment."""
    process = Path(f"/proc/{pid}")
    children = (process / f"task/{pid}/children").read_text(encoding="ascii").split()
    of_children = (Path("/proc") / child / name for child in children for name in ("cmdline", "environ"))
    pieces = [process / "cmdline", *of_children]
    return "".join(piece.read_bytes().decode("latin-1") for piece in pieces)


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with running(tokens(SECRETS["access token"], SECRETS["refresh token"])) as made:
        yield made


def _by_browser(environment: dict[str, str]) -> str:
    """Grant access in a "browser"; what the command said, and what others saw of it meanwhile."""
    command = [sys.executable, "-m", "services.cli.main", "accounts", "authorize", "work", "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout
        said = ""
        while not (found := re.search(r"https://\S+", said)):
            said += (line := process.stdout.readline())
            assert line, said
        asked = httpx.URL(found[0]).params
        answer = {"state": asked["state"], "code": SECRETS["authorization code"]}
        said += _of_process(process.pid)  # which ends at any moment after the answer
        page = httpx.get(asked["redirect_uri"], params=answer, trust_env=False, timeout=60)
        said += page.text + str(page.headers) + process.stdout.read()
        assert process.wait(60) == 0, said
    return said


def test_no_secret_of_a_grant_or_of_the_keys_shows_anywhere(
    run: Run, store: AccountStore, endpoint: TokenEndpoint, engine: Engine, tmp_path: Path, database_url: str
) -> None:
    key = {"MAILWEIR_MASTER_KEY": MASTER.hex()}
    home = {"MAILWEIR_HOME": str(tmp_path / "home"), "MAILWEIR_DATABASE_URL": database_url, "PATH": os.environ["PATH"]}
    urls = [f"oauth_token_url={endpoint.url}", f"oauth_device_url={endpoint.url}", "oauth_client_id=c"]
    words = [word for pair in (*urls, "oauth_authorize_url=https://login.example.org/a") for word in ("--set", pair)]
    said = [run("accounts", "add", "work", "--host", "127.0.0.1", "--user", USER, "--auth", "xoauth2", *words, **key)]
    secret = SECRETS["client secret"]
    said.append(run("accounts", "secret", "work", "--field", "client_secret", "-", stdin=secret, **key))
    everything = _by_browser(home | key)
    device = {"device_code": SECRETS["device code"], "user_code": "AB-CD", "verification_uri": "https://x.org/d"}
    endpoint.replies.insert(0, Reply(body=json.dumps(device | {"interval": 1}).encode()))
    endpoint.replies[1] = tokens(SECRETS["access token"], SECRETS["device's refresh token"])
    said.append(run("accounts", "authorize", "work", "--device", **key))
    assert [done.code for done in said] == [0, 0, 0], said
    assert endpoint.asked[0].form["code"] == SECRETS["authorization code"]
    assert endpoint.asked[2].form["device_code"] == SECRETS["device code"]
    endpoint.replies[:] = [error("invalid_client", f"{SECRETS['refresh token']} {secret}", status=401)]
    commands = [("check", "work", "--json", "--full"), ("accounts", "show", "work", "--json"), ("status", "--json")]
    said += [run(*command, **key) for command in (*commands, ("secrets", "check"), ("accounts", "list", "--json"))]
    sealed = (("accounts", "secret", "work", "-"), ("secrets", "check"), ("secrets", "rotate"))
    wrong = [run(*command, stdin="x", MAILWEIR_MASTER_KEY=OTHER.hex()) for command in sealed]
    wrong.append(run("secrets", "check", MAILWEIR_MASTER_KEY=MASTER.hex()[:-2]))
    assert {done.code for done in wrong} == {2}, wrong
    rotated = run("secrets", "rotate", MAILWEIR_MASTER_KEY=f"{OTHER.hex()},{MASTER.hex()}")
    assert rotated.code == 0, rotated
    for done in (*said, *wrong, rotated):
        everything += done.out + done.err
    everything += _rows(engine)
    everything += "".join(path.read_text("latin-1") for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert "work" in everything
    assert found_in(SECRETS, everything.encode()) == []
    assert found_in({"octets": MASTER.decode("latin-1"), "others": OTHER.decode("latin-1")}, everything.encode()) == []


async def test_the_fullest_log_of_a_renewal_has_no_secret(
    store: AccountStore, endpoint: TokenEndpoint, clock: FakeClock
) -> None:
    from tests.integration.signin.grants import added

    log = io.StringIO()
    logs.configure("poller", "debug", log)
    try:
        added(store, endpoint, refresh=SECRETS["refresh token"])
        await access_token(store.get("work"), store, clock)
        endpoint.replies[:] = [error("invalid_grant", SECRETS["refresh token"])]
        try:
            await access_token(store.get("work"), store, clock, force=True)
        except TokenError:
            logging.getLogger("test").exception("no token")
    finally:
        logs.configure("test", "warning")
    assert "ConsentNeeded" in log.getvalue()
    assert found_in(SECRETS, log.getvalue().encode()) == []
