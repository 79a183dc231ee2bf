"""The first sign-in, right after a person has typed a secret: a wrong one is told at once, and asked for again."""

import asyncio
from collections.abc import Callable
from functools import partial

from services.cli.account_audit import noted
from services.cli.language import language
from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.accounts.store import AccountStore
from services.common.clock import Clock
from services.common.oauth.tokens import sign_in_secret
from services.common.secret import Secret
from services.front.doctor_view import advice
from services.front.retold import said
from services.poller.doctor.model import Step, Visit
from services.poller.doctor.visit import first_steps

ANSWERS = 3
_ASK_AGAIN = {"credential", "ambiguous"}


def settle(
    store: AccountStore, account: Account, clock: Clock, ask: Callable[[], Secret | None], say: Callable[[str], None]
) -> int:
    """Sign in once; after a refusal ask for another secret, three in all. Gives the exit code of the command."""
    for answer in range(1, ANSWERS + 1):
        step = asyncio.run(_tried(store, account, clock))
        if step.outcome != "failed":
            say("sign-in works; next: mailweir sync")
            return 0
        say(f"{said(step.reason, language())}\n→ {advice(step, account, profile(account.provider), language())}")
        if step.state not in _ASK_AGAIN or answer == ANSWERS:
            break
        another = ask()
        if another is None:
            break
        store.put_secret(account.slug, "password", another)
        noted(store, account.slug, "account-secret", "password stored")
    return step.exit_code


async def _tried(store: AccountStore, account: Account, clock: Clock) -> Step:
    source = partial(sign_in_secret, account, store, clock)
    return await first_steps(Visit(account, profile(account.provider), source, clock))
