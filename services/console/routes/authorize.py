"""Granting access by OAuth2: a page with the provider's address, and the call-back that stores what was granted."""

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from services.common.accounts.fields import Account
from services.common.accounts.settings import SettingErrors
from services.common.accounts.store import AccountStore
from services.common.errors import ConfigurationError
from services.common.oauth.answers import client_of
from services.common.oauth.flow import AuthorizationFailed, Pending, code_of, exchange, keep, start
from services.common.oauth.http import Unreachable
from services.console import ownership
from services.console.adapters import Ports
from services.console.sessions import Session
from services.console.texts import lookup
from services.console.web import Asking, CurrentSession, OwnAccount, Reauthenticated, language_of, page

router = APIRouter(prefix="/authorize", include_in_schema=False)
_CALLBACK = "/authorize/callback"


@router.get("/callback")
async def callback(request: Request, ports: Asking, session: CurrentSession) -> Response:
    """Take the provider's answer, then leave the address that carries it, whatever it was."""
    try:
        slug = await _granted(ports, session, _parameters(request))
    except (AuthorizationFailed, Unreachable, ConfigurationError):
        await asyncio.to_thread(ports.audit, session.user, "console-authorize", outcome="failed")
        return RedirectResponse("/authorize/refused", 303)
    await asyncio.to_thread(ports.audit, session.user, "console-authorize", slug)
    return RedirectResponse(f"/accounts/{slug}?done=granted", 303)


@router.get("/refused")
def refused(request: Request, session: CurrentSession) -> Response:
    """One page for every failure."""
    return page(request, "authorize.html", account=None, url="", problem=lookup(language_of(request))("grant.refused"))


@router.get("/{name}")
def explained(request: Request, account: OwnAccount, _: Reauthenticated) -> Response:
    """What is going to happen, and the button that begins."""
    return page(request, "authorize.html", account=account, url="", problem="")


@router.post("/{name}")
def begin(request: Request, ports: Asking, account: OwnAccount, session: Reauthenticated) -> Response:
    """A link to the provider: a form must not lead to another site (form-action of our policy)."""
    here = str(request.url.replace(path=_CALLBACK, query="", fragment=""))
    try:
        url, pending = start(account, client_of(account), here, session=session.csrf, now=ports.clock.now())
    except (SettingErrors, AuthorizationFailed) as error:
        return page(request, "authorize.html", 422, account=account, url="", problem=str(error))
    ports.memory.pendings.add(pending)
    return page(request, "authorize.html", account=account, url=url, problem="")


async def _granted(ports: Ports, session: Session, found: Mapping[str, str]) -> str:
    """Store what a call-back of this session granted; the account's name."""
    now = ports.clock.now()
    pending = ports.memory.pendings.take(found.get("state", ""), session.csrf, now)
    account = await asyncio.to_thread(_account, ports, session, pending)
    client = client_of(account)
    secret = await asyncio.to_thread(ports.accounts.get_secret, account.slug, "client_secret")
    granted = await exchange(pending, client, code_of(pending, client, found), secret)
    await asyncio.to_thread(keep, ports.accounts, account, client, granted, ports.clock.now())
    return account.slug


def _account(ports: Ports, session: Session, pending: Pending) -> Account:
    store: AccountStore = ports.accounts
    found = store.get(pending.account)
    if not ownership.may_see(ports.engine, session.user, found.slug):
        raise AuthorizationFailed("the account is somebody else's")
    return found


def _parameters(request: Request) -> Mapping[str, str]:
    """Query parameters; none when one comes twice."""
    pairs = request.query_params.multi_items()
    names = [name for name, _ in pairs]
    return dict(pairs) if len(set(names)) == len(names) else {}
