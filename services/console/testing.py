"""A connection test for somebody who is not the operator: the login doctor inside the bounds of the guard."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from services.common import guard
from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.errors import MailweirError
from services.common.oauth.tokens import sign_in_secret
from services.common.secret import Secret
from services.console.adapters import Ports
from services.console.memory import Test
from services.poller.connect import SecretSource
from services.poller.doctor.model import Step, Visit
from services.poller.doctor.visit import examine

STAGES = ("reach", "tls", "signin", "mailbox")
TOLD = frozenset({"id", "folders", "examine", "fetch", "estimate", "idle"})
_AFTER_SIGN_IN = guard.TEST_SECONDS - 3.0


async def permitted(ports: Ports, account: Account) -> tuple[str, ...]:
    """Addresses that a connection of the console may go to. Raises Forbidden, also for a name without address."""
    host = guard.check_target(account.host, account.port, account.tls, ports.allowed)
    try:
        async with asyncio.timeout(account.settings.connect_timeout):
            return await guard.resolve(host, account.port, ports.resolver, ports.allowed)
    except (OSError, UnicodeError) as error:
        raise guard.Forbidden(f"{host} has no address") from error


def typed_secret(account: Account, secret: Secret) -> SecretSource:
    """Credentials that were typed into the form."""

    async def source(_fresh: bool) -> tuple[Secret | None, bool]:
        return secret, account.by_token

    return source


def stored_secret(ports: Ports, account: Account) -> SecretSource:
    """Credentials that are stored for the account."""
    return partial(sign_in_secret, account, ports.accounts, ports.clock)


async def run(ports: Ports, test: Test, user: str, credentials: SecretSource) -> None:
    """Examine; the test holds what may be shown, from the first step to the result. Raises TooManyTests at once.

    A failed step is heard only with the result, so that its time says nothing.
    """
    heard: list[Step] = []
    async with ports.budget.one(user):
        result = await guard.uniform(_visited(ports, test, credentials, heard), ports.clock)
    test.steps.extend(step for step in heard if step.outcome == "failed")
    test.result = result


async def _visited(ports: Ports, test: Test, credentials: SecretSource, heard: list[Step]) -> str:
    addresses = await permitted(ports, test.account)
    account = test.account
    visit = Visit(account, profile(account.provider), credentials, ports.clock, addresses)
    try:
        async with asyncio.timeout(_AFTER_SIGN_IN):
            async for step in examine(visit):
                _hear(test, step, heard)
    except TimeoutError:
        if not any(step.name == "signin" for step in test.steps):
            raise
    bad = next((step for step in heard if step.outcome == "failed"), None)
    test.state = bad.state if bad else "ok"
    return test.state


def _hear(test: Test, step: Step, heard: list[Step]) -> None:
    heard.append(step)
    if step.outcome in {"ok", "warning"}:
        test.steps.append(step)


def stages(test: Test) -> dict[str, str]:
    """What each of the four stages came to: ``ok``, ``failed``, ``running`` or ``waiting``.

    Before the sign-in nothing shows that the four results do not tell.
    """
    done = {step.name for step in test.steps if step.outcome in {"ok", "warning"}}
    ok = {"reach": "tls" in done, "tls": "tls" in done, "signin": "signin" in done, "mailbox": test.result == "ok"}
    if test.result == "TLS problem":
        ok["reach"] = True
    found = ["ok" if ok[stage] else "waiting" for stage in STAGES]
    if "waiting" in found and test.result != "ok":
        found[found.index("waiting")] = "failed" if test.result else "running"
    return dict(zip(STAGES, found, strict=True))


def about(test: Test) -> str:
    """Which advice fits a failed test: in detail only once TLS has shown whom the server belongs to."""
    plain = {"could not connect": "network", "TLS problem": "tls", "sign-in refused": "credential"}
    verified = any(step.name == "tls" for step in test.steps if step.outcome != "failed")
    bad = next((step for step in test.steps if step.outcome == "failed"), None)
    if test.result in (None, "ok"):
        return ""
    return bad.about if verified and bad is not None and bad.about else plain[test.result or ""]


async def uniform_result(ports: Ports, user: str, work: Callable[[], Awaitable[None]]) -> guard.Result:
    """One of the four results of something that connects. Raises TooManyTests."""

    async def state() -> str:
        try:
            await work()
        except MailweirError as error:
            return str(getattr(error, "state", "credential" if error.exit_code == 4 else "network"))
        return "ok"

    async with ports.budget.one(user):
        return await guard.uniform(state(), ports.clock)
