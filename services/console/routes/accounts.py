"""Accounts: list, add, edit, pause, resume, remove, choose folders, replace a secret, look now."""

import asyncio
import re
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from msgspec import structs
from pydantic import AfterValidator

from services.common.accounts.fields import SLUG, Account, State
from services.common.errors import ConfigurationError
from services.common.guard import Forbidden, TooManyTests, is_exempt
from services.common.secret import Secret
from services.console import account_pages as pages
from services.console import erasing, forms, handlers, ownership, testing
from services.console.adapters import Ports
from services.console.forms import Form, Invalid
from services.console.memory import mailbox_of
from services.console.routes.overview import shown as shown_figures
from services.console.sent import Folders, Values
from services.console.sessions import Session
from services.console.texts import lookup
from services.console.users import TooManyAttempts, User
from services.console.web import (
    Asking,
    CurrentSession,
    CurrentUser,
    NotYours,
    OwnAccount,
    Reauthenticated,
    address_of,
    elsewhere,
    language_of,
    own_account,
    page,
)
from services.front.account_input import Typed, changed_account

router = APIRouter(prefix="/accounts", include_in_schema=False)
_DONE = frozenset(
    {"added", "saved", "secret", "paused", "resumed", "asked", "folders", "started", "removed", "erased", "granted"}
)
Done = Annotated[str, AfterValidator(lambda told: told if told in _DONE else "")]  # what the page before did


@router.get("")
def listed(request: Request, ports: Asking, user: CurrentUser, done: Done = "") -> Response:
    """The user's accounts."""
    mine = set(ownership.visible(ports.engine, user))
    found = [account for account in ports.accounts.list() if account.slug in mine]
    left = erasing.waiting(ports.engine)
    return page(request, "accounts.html", accounts=found, erasing=left, done=done)


@router.post("")
async def add(request: Request, ports: Asking, user: CurrentUser, values: Values) -> Response:
    """A new account of the user, from the form; it is paused until its folders are chosen."""
    form = forms.sent(values)
    try:
        account = structs.replace(await _checked(ports, form, None), state="paused")
        secret = forms.secret_of(values.get("secret", ""))
        await asyncio.to_thread(_added, ports, user, account, secret)
    except Invalid as error:
        return pages.invalid(request, form, None, error)
    next_page = "folders" if secret else "secret"
    return RedirectResponse(f"/accounts/{account.slug}/{next_page}?done=added", 303)


@router.get("/{name}")
def shown(request: Request, ports: Asking, account: OwnAccount, done: Done = "") -> Response:
    """One account: its state, its folders, and what can be done with it."""
    if erasing.erasure_of(ports.engine, account.slug):
        return RedirectResponse(f"/accounts/{account.slug}/erasing", 303)
    secrets = ports.accounts.secret_infos(account.slug)
    grants = forms.wants_grant(account)
    waits = not pages.begun(ports, account)
    return page(request, "account.html", account=account, secrets=secrets, grants=grants, waits=waits, done=done)


@router.get("/{name}/edit")
def edit(request: Request, account: OwnAccount) -> Response:
    """The form of a stored account."""
    return pages.form(request, forms.stored(account), account)


@router.post("/{name}/edit")
async def change(
    request: Request, ports: Asking, account: OwnAccount, session: CurrentSession, values: Values
) -> Response:
    """Change an account; another host or user needs the own password and clears the stored secret."""
    form = replace(forms.sent(values), name=account.slug)
    try:
        after = await _checked(ports, form, account)
        if forms.moved(account, after):
            await _prove(request, ports, session, values.get("proof", ""))
        _, cleared = await asyncio.to_thread(ports.accounts.update, after)
    except Invalid as error:
        return pages.invalid(request, form, account, error, prove="proof" in error.problems)
    await asyncio.to_thread(ports.audit, session.user, "console-change", account.slug, detail=after.host)
    return RedirectResponse(f"/accounts/{account.slug}{'/secret' if cleared else ''}?done=saved", 303)


@router.get("/{name}/secret")
def secret_form(request: Request, account: OwnAccount, _: Reauthenticated, done: Done = "") -> Response:
    """Where a secret is typed anew."""
    return _secret_page(request, account, done=done)


@router.post("/{name}/secret")
def put_secret(
    request: Request, ports: Asking, account: OwnAccount, session: Reauthenticated, values: Values
) -> Response:
    """Replace a secret."""
    try:
        secret = forms.secret_of(values.get("secret", ""))
        if secret is None:
            raise Invalid({"secret": "empty"})
    except Invalid as error:
        return _secret_page(request, account, problems=error.problems, status=422)
    field = values.get("field", "password")
    ports.accounts.put_secret(account.slug, field if field in forms.SECRETS else "password", secret)
    ports.audit(session.user, "console-secret", account.slug)
    next_page = "" if pages.begun(ports, account) else "/folders"
    return RedirectResponse(f"/accounts/{account.slug}{next_page}?done=secret", 303)


@router.post("/{name}/pause")
def pause(ports: Asking, account: OwnAccount, user: CurrentUser) -> Response:
    """Stop retrieving; what is stored stays."""
    return _set_state(ports, account, user, "paused", "paused")


@router.post("/{name}/resume")
def resume(ports: Asking, account: OwnAccount, user: CurrentUser) -> Response:
    """Go on retrieving, and try the sign-in again."""
    return _set_state(ports, account, user, "active", "resumed")


@router.post("/{name}/sync")
async def look_now(request: Request, ports: Asking, account: OwnAccount, user: CurrentUser) -> Response:
    """Let the poller look within two seconds; five times in ten minutes, as providers punish frequent sign-ins."""
    try:
        async with ports.budget.one(f"look {account.slug}"):
            await asyncio.to_thread(ports.accounts.look_now, account.slug)
    except TooManyTests:
        return pages.flood(request)
    await asyncio.to_thread(ports.audit, user, "console-look", account.slug)
    return RedirectResponse(f"/accounts/{account.slug}?done=asked", 303)


@router.get("/{name}/folders")
def folders(request: Request, ports: Asking, account: OwnAccount, done: Done = "") -> Response:
    """Which folders are retrieved."""
    lines = pages.folder_lines(ports, account)
    return pages.folders(request, account, lines, done=done)


@router.post("/{name}/folders")
def choose(
    request: Request, ports: Asking, account: OwnAccount, user: CurrentUser, values: Values, taken: Folders
) -> Response:
    """Take the ticked folders; ``future``: also those that appear later; ``start``: a paused account goes on."""
    lines = pages.folder_lines(ports, account)
    names = [line.name for line in lines if line.choosable]
    future = values.get("future") == "yes"
    if not future and not set(names) & set(taken):
        problem = pages.told(request, {"folder": "none"})["folder"]
        return pages.folders(request, account, lines, problem=problem)
    patterns = forms.chosen_patterns(names, set(taken), future=future)
    pairs = tuple(f"{key}={name}" for key, found in patterns.items() for name in found or ("",))
    ports.accounts.update(changed_account(account, Typed(pairs=pairs)))
    ports.audit(user, "console-folders", account.slug)
    if values.get("start") == "yes" and account.state == "paused":
        return _set_state(ports, account, user, "active", "started")
    return RedirectResponse(f"/accounts/{account.slug}?done=folders", 303)


@router.get("/{name}/remove")
def remove_form(request: Request, account: OwnAccount) -> Response:
    """What removing means, and the box for the account's name."""
    return page(request, "account_remove.html", account=account, problem="")


@router.post("/{name}/remove")
def remove(request: Request, ports: Asking, account: OwnAccount, user: CurrentUser, values: Values) -> Response:
    """Forget the account once its name was typed; with ``erase`` first its mail, behind a page that tells how far."""
    if values.get("confirm") != account.slug:
        problem = lookup(language_of(request))("remove.mismatch")
        return page(request, "account_remove.html", 422, account=account, problem=problem)
    if values.get("erase") == "yes":
        erasing.ask(ports, user, account.slug)
        return RedirectResponse(f"/accounts/{account.slug}/erasing", 303)
    ports.accounts.remove(account.slug)
    ports.memory.listings.pop(mailbox_of(account), None)
    ports.audit(user, erasing.REMOVED, account.slug, detail="removed")
    return RedirectResponse("/accounts?done=removed", 303)


@router.get("/{name}/erasing")
def being_erased(request: Request, ports: Asking, user: CurrentUser, name: str) -> Response:
    """How far it is with an account whose mail is being erased; once that is done, the list of accounts says so."""
    if re.fullmatch(SLUG, name) and ports.accounts.find(name) is None:
        if not user.is_admin and erasing.erased_by(ports.engine, name) != user.name:
            raise NotYours
        return elsewhere(request, "/accounts?done=erased")
    account = own_account(name, request, user)
    erasure = erasing.erasure_of(ports.engine, account.slug)
    if erasure is None:
        return elsewhere(request, f"/accounts/{account.slug}")
    return page(request, "account_erasing.html", erasure=erasure, **shown_figures(request, ports.clock.now()))


async def _checked(ports: Ports, form: Form, before: Account | None) -> Account:
    """The account of a form whose server the console, and so the poller later, may be sent to. Raises Invalid."""
    account = forms.account_of(form, before)
    if before is None or forms.diverted(before, account):
        try:
            await testing.permitted(ports, account)
        except Forbidden as error:
            raise Invalid({"host": "refused"}) from error
        public_only = "" if is_exempt(account.host, ports.allowed) else "true"
        return changed_account(account, Typed(pairs=(f"public_only={public_only}",)))
    return account


def _added(ports: Ports, user: User, account: Account, secret: Secret | None) -> None:
    if not user.is_admin and ownership.is_anothers(ports.engine, user, account.slug):
        raise Invalid({"name": "left"})
    try:
        ports.accounts.add(account, *([("password", secret)] if secret else []))
    except ConfigurationError as error:
        if ports.accounts.find(account.slug) is None:
            raise
        raise Invalid({"name": "taken"}) from error
    ports.memory.listings.pop(mailbox_of(account), None)
    ownership.own(ports.engine, user, account.slug)
    ports.audit(user, "console-add", account.slug, detail=account.host)


async def _prove(request: Request, ports: Ports, session: Session, password: str) -> None:
    """The own password, typed lately or with this form. Raises Invalid."""
    if session.proved(ports.clock.now()):
        return
    address = address_of(request)
    prove = partial(handlers.prove, ports, session, Secret(password), address)
    try:
        right = bool(password) and await asyncio.to_thread(prove)
    except TooManyAttempts:
        right = False
    if not right:
        raise Invalid({"proof": "proof"})


def _set_state(ports: Ports, account: Account, user: User, state: State, done: str) -> Response:
    ports.accounts.set_state(account.slug, state)
    ports.audit(user, f"console-{'pause' if state == 'paused' else 'resume'}", account.slug)
    return RedirectResponse(f"/accounts/{account.slug}?done={done}", 303)


def _secret_page(request: Request, account: Account, status: int = 200, done: str = "", **values: Any) -> Response:
    language = language_of(request)
    known = forms.profile_of(forms.stored(account))
    return page(
        request,
        "account_secret.html",
        status,
        account=account,
        problems=pages.told(request, values.get("problems", {})),
        grants=forms.wants_grant(account),
        secret_advice=forms.advice(known, "secret", language),
        code_advice=forms.explained(known, language),
        done=done,
    )
