"""Configure, test and synchronise: HTML for a page, JSON for a program."""

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from services.common.accounts.fields import Account, Auth, Tls
from services.common.errors import ConfigurationError
from services.common.guard import Result, TooManyTests
from services.console import account_pages as pages
from services.console import folders_sync, forms, testing
from services.console.adapters import Ports
from services.console.forms import Invalid
from services.console.memory import Test
from services.console.sent import Values
from services.console.users import User
from services.console.web import Asking, CurrentUser, NotYours, is_htmx, language_of, own_account, wants_json
from services.front.retold import said
from services.poller.connect import SecretSource

router = APIRouter(prefix="/api/imap", tags=["imap"])
_Text = Annotated[str, Query(max_length=320)]


class Connection(BaseModel):
    """A connection to test: a stored ``account`` as it is or with other values, or ``user`` and ``host``.

    The stored secret serves when none is typed and the way is the account's own.
    """

    account: str = Field("", max_length=63, description="A stored one; what is left out below is its own.")
    user: str = Field("", max_length=320, description="Needed without an account.")
    host: str = Field("", max_length=253, description="Needed without an account.")
    port: int = Field(993, ge=1, le=65535)
    tls: Tls = "implicit"
    auth: Auth = "auto"
    secret: str = Field("", description="Never stored and never shown again by a test.")


class Chosen(BaseModel):
    """A stored account."""

    account: str = Field(max_length=63)


class Configured(BaseModel):
    """The form of a stored account, or what a mail address fills. ``secret_set`` is all that is told of a secret."""

    account: str
    user: str
    host: str
    port: str
    tls: str
    auth: str
    code_expires: str
    provider: str
    secret_set: bool
    advice: str


class Tested(BaseModel):
    """How a test ended; ``stages`` are reach, tls, signin and mailbox, each ok, failed or waiting."""

    ok: bool
    result: Result
    stages: dict[str, str]
    advice: str
    details: list[str]


class FolderOut(BaseModel):
    """One folder; ``state`` of our record of it, ``new`` for none."""

    name: str
    special_use: str | None
    selectable: bool
    chosen: bool
    state: str


class Synchronised(BaseModel):
    """The folder list, and what became of ours. ``result`` is that of a connection test."""

    ok: bool
    result: Result
    detail: str
    created: list[str]
    renamed: list[list[str]]
    absent: list[str]
    gone: list[str]
    folders: list[FolderOut]


def _body(model: type[BaseModel]) -> dict[str, Any]:
    schema = {"schema": model.model_json_schema()}
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return {"requestBody": {"required": True, "content": dict.fromkeys(kinds, schema)}}


_FAULTS: dict[int | str, dict[str, Any]] = {
    code: {"description": text}
    for code, text in (
        (400, "The request holds a NUL character or a file"),
        (401, "Nobody is signed in"),
        (403, "The token of the page is missing"),
        (404, "There is no such account, or it is somebody else's"),
        (413, "The request is larger than any form"),
        (422, "Fields cannot be used; each is named"),
        (429, "Too many connections in ten minutes"),
    )
}


@router.get("/config", responses={200: {"model": Configured}, **_FAULTS})
def config(
    request: Request,
    ports: Asking,
    who: CurrentUser,
    account: _Text = "",
    address: _Text = "",
    user: Annotated[str, Query(max_length=320, description="The same as address, as a field of the form.")] = "",
) -> Response:
    """The form of an account: filled with what is stored, or with what a mail address tells; never a secret."""
    stored = own_account(account, request, who) if account else None
    if request.headers.get("hx-target") == "connection" and "@" not in user:
        return Response(status_code=204)
    form = forms.stored(stored) if stored else forms.suggested(address or user)
    if not wants_json(request):
        return pages.form(request, form, stored)
    known = forms.profile_of(form)
    told = Configured(
        account=form.name,
        **{name: getattr(form, name) for name in ("user", "host", "port", "tls", "auth", "code_expires")},
        provider=known.id,
        secret_set=bool(stored and ports.accounts.secret_infos(stored.slug)),
        advice=forms.advice(known, "secret", language_of(request)),
    )
    return JSONResponse(told.model_dump())


@router.post("/test", responses={200: {"model": Tested}, **_FAULTS}, openapi_extra=_body(Connection))
async def test(request: Request, ports: Asking, user: CurrentUser, values: Values) -> Response:
    """Try a connection step by step: a program waits for the result, a page with scripts follows it."""
    stored = await asyncio.to_thread(own_account, values["account"], request, user) if values.get("account") else None
    form = forms.sent(values, stored)
    try:
        account = forms.account_of(form, stored)
        credentials = _credentials(ports, account, stored, values.get("secret", ""))
    except Invalid as error:
        return pages.invalid(request, form, stored, error)
    found = ports.memory.begin(user.id, account)
    found.task = asyncio.create_task(_tried(ports, found, user, credentials))
    if is_htmx(request):
        return pages.begun_test(request, found, stored)
    await found.task
    if wants_json(request):
        return _told(request, found)
    return pages.form(request, form, stored, status=429 if found.flood else 200, test=found)


@router.get("/test/{test_id}", include_in_schema=False)
def progress(request: Request, ports: Asking, user: CurrentUser, test_id: str) -> Response:
    """How far a test of the same user is. Raises what ended a test without a result."""
    found = ports.memory.tests.get(test_id)
    if found is None or found.user != user.id:
        raise NotYours
    if found.result is None and not found.flood and found.task and found.task.done():
        found.task.result()
    return pages.tested(request, found)


@router.post("/sync", responses={200: {"model": Synchronised}, **_FAULTS}, openapi_extra=_body(Chosen))
async def sync(request: Request, ports: Asking, user: CurrentUser, values: Values) -> Response:
    """Fetch the folder list: local folders are created, renamed, marked as gone."""
    account = await asyncio.to_thread(own_account, values.get("account", ""), request, user)
    changes, details = folders_sync.Changes(), ""

    async def follow() -> None:
        nonlocal changes, details
        try:
            changes = await folders_sync.synchronise(ports, account)
        except ConfigurationError as error:
            details = said(str(error), language_of(request))

    try:
        result = await testing.uniform_result(ports, f"sync {user.name}", follow)
    except TooManyTests:
        return pages.flood(request)
    await asyncio.to_thread(
        ports.audit, user, "console-sync", account.slug, "ok" if result == "ok" else "failed", result
    )
    lines = await asyncio.to_thread(pages.folder_lines, ports, account)
    if wants_json(request):
        return JSONResponse(_synchronised(result, details, changes, lines).model_dump())
    return pages.folders(request, account, lines, result=result, changes=changes, detail=details)


async def _tried(ports: Ports, found: Test, user: User, credentials: SecretSource) -> None:
    try:
        await testing.run(ports, found, user.name, credentials)
    except TooManyTests:
        found.flood = True
    outcome = "ok" if found.result == "ok" else "failed"
    await asyncio.to_thread(ports.audit, user, "console-test", "", outcome, found.account.host)


def _credentials(ports: Ports, account: Account, stored: Account | None, typed: str) -> SecretSource:
    """What was typed, else what is stored, as long as it goes where the owner sent it before. Raises Invalid."""
    secret = forms.secret_of(typed)
    if secret is not None:
        return testing.typed_secret(account, secret)
    if stored is None or forms.diverted(stored, account):
        raise Invalid({"secret": "needed"})
    return testing.stored_secret(ports, account)


def _told(request: Request, found: Test) -> Response:
    if found.flood or found.result is None:
        return pages.flood(request)
    advice, details = pages.advice_of(request, found), pages.details_of(request, found)
    told = Tested(
        ok=found.result == "ok", result=found.result, stages=testing.stages(found), advice=advice, details=details
    )
    return JSONResponse(told.model_dump())


def _synchronised(
    result: Result, detail: str, changes: folders_sync.Changes, lines: list[folders_sync.FolderLine]
) -> Synchronised:
    return Synchronised(
        ok=result == "ok" and not detail,
        result=result,
        detail=detail,
        created=list(changes.created),
        renamed=[list(pair) for pair in changes.renamed],
        absent=list(changes.absent),
        gone=list(changes.gone),
        folders=[FolderOut(**msgspec.structs.asdict(line)) for line in lines],
    )
