"""OAuth2 through the commands: what they exit with, and what the endpoint was asked."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from services.common.accounts.store import AccountStore
from services.common.secret import Secret
from tests.fakes.token_endpoint import Reply, Request, error, running, tokens
from tests.integration.signin.commands import USER, Run, add


def test_oauth_from_a_brought_refresh_token_to_sign_in(
    run: Run, server: dict[str, Any], tmp_path: Path, store: AccountStore
) -> None:
    with running(tokens("old", "r1"), tokens("good", "r2"), error("invalid_grant")) as endpoint:
        oauth = ["--auth", "xoauth2", "--set", f"oauth_token_url={endpoint.url}", "--set", "oauth_client_id=c"]
        add(run, server, tmp_path, "r0", *oauth)
        found = json.loads(run("check", "work", "--json").out)
        assert found["ok"], found
        assert [request.form["refresh_token"] for request in endpoint.asked] == ["r0", "r1"]
        assert store.get_secret("work", "refresh_token").reveal() == "r2"  # type: ignore[union-attr]
        run("accounts", "secret", "work", "--field", "refresh_token", "-", stdin="dead")
        found = run("check", "work", "--json")
        assert (found.code, json.loads(found.out)["state"]) == (4, "consent")
        assert "accounts authorize work" in found.out


def test_two_processes_at_once_renew_a_token_only_once(run: Run, server: dict[str, Any], tmp_path: Path) -> None:
    """An endpoint as RFC 9700 section 4.14 wants it: a refresh token that comes twice ends the whole grant."""
    spent: list[str] = []

    def rotating(request: Request) -> Reply:
        time.sleep(0.3)  # both processes are there before the first has its answer
        token = request.form["refresh_token"]
        spent.append(token)
        return error("invalid_grant") if spent.count(token) > 1 else tokens("good", f"r{len(spent)}")

    with running(rotating) as endpoint, ThreadPoolExecutor(3) as pool:
        oauth = ["--auth", "xoauth2", "--set", f"oauth_token_url={endpoint.url}", "--set", "oauth_client_id=c"]
        add(run, server, tmp_path, "r0", *oauth)
        codes = [done.code for done in pool.map(lambda _: run("check", "work"), range(3))]
    assert (codes, spent) == ([0, 0, 0], ["r0"])


def test_authorize_by_browser_and_by_device(run: Run, store: AccountStore) -> None:
    device = {"device_code": "dc", "user_code": "AB-CD", "verification_uri": "https://x.org/d", "interval": 1}
    with running(tokens("a1", "r1")) as endpoint:
        oauth = [f"oauth_token_url={endpoint.url}", "oauth_client_id=c", f"oauth_device_url={endpoint.url}"]
        oauth.append("oauth_authorize_url=https://login.example.org/a")
        words = [word for pair in oauth for word in ("--set", pair)]
        assert run("accounts", "add", "work", "--host", "h", "--user", USER, "--auth", "xoauth2", *words).code == 0
        done = run("accounts", "authorize", "work", "--no-browser", "--timeout", "0.5")
        assert (done.code, "start again" in done.err) == (4, True)
        endpoint.replies.insert(0, type(endpoint.replies[0])(body=json.dumps(device).encode()))  # type: ignore[call-arg]
        done = run("accounts", "authorize", "work", "--device")
    assert done.code == 0, done.err
    assert "AB-CD" in done.out
    assert store.get_secret("work", "refresh_token").reveal() == "r1"  # type: ignore[union-attr]


def at(hours: float) -> dict[str, str]:
    return {"Date": format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)}


def answers() -> list[tuple[Reply, int, str, str]]:
    """Made when one of them is given: their dates are an hour off then, however long the others took."""
    return [
        (error("slow_down", status=429, headers={"Retry-After": "100"}), 3, "throttled", "next try in 100 s"),
        (error("temporarily_unavailable", status=503), 3, "temporary", "503"),
        (Reply(500, b"oops"), 3, "temporary", "500"),
        (Reply(200, b"<html>Wi-Fi sign-in</html>", {"Content-Type": "text/html"}), 3, "temporary", "without tokens"),
        (Reply(lost=True), 5, "network", "did not answer"),
        (error("invalid_client", status=401), 2, "configuration", "oauth_client_id"),
        (Reply(400, error("invalid_grant").body, at(-1)), 4, "consent", "clock is +36"),
        (Reply(200, tokens("good").body, at(1)), 0, "ok", ""),
    ]


def test_every_answer_of_the_endpoint_has_its_exit_code(
    run: Run, server: dict[str, Any], tmp_path: Path, store: AccountStore
) -> None:
    with running(error("invalid_grant")) as endpoint:
        oauth = ["--auth", "xoauth2", "--set", f"oauth_token_url={endpoint.url}", "--set", "oauth_client_id=c"]
        add(run, server, tmp_path, "r0", *oauth)
        for number in range(len(answers())):
            reply, code, state, told = answers()[number]
            endpoint.replies[:] = [reply]
            store.put_secret("work", "refresh_token", Secret("r0"))
            done = run("check", "work", "--json", "--lang", "en")
            found = json.loads(done.out)
            assert (done.code, found["state"], told in found["detail"]) == (code, state, True), found["detail"]
            if state == "throttled":
                held = run("sync", "work", "--timeout", "4", "--json")
                assert (held.code, str(reply.status) in held.out + held.err) == (3, True), held
    signin = next(step for step in found["steps"] if step["step"] == "signin")
    assert (signin["outcome"], "clock is -3" in signin["reason"]) == ("warning", True)
