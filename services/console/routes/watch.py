"""Pages to watch what happens: arrivals, quarantine, dead letters, the audit log."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from services.common.settings import load
from services.console import figures, ownership, watching
from services.console.adapters import Ports
from services.console.routes.overview import PageNumber, shown
from services.console.users import User
from services.console.watching import Letter, Window
from services.console.web import Asking, CurrentUser, NotYours, page
from services.front import letters
from services.front.context import Context

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Query(max_length=320)]
Key = Annotated[str, Form(max_length=200)]
Whole = Annotated[int, Form(ge=0, lt=2**63)]
_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Part:
    """Which page of a list is shown, and whether there is a next one. ``query``: the filters, for the links."""

    place: int
    more: bool
    query: str = ""


@router.get("/arrivals")
def arrivals(
    request: Request,
    ports: Asking,
    user: CurrentUser,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    account: Name = "",
) -> Response:
    """Mail per day, for one account or all."""
    now = ports.clock.now()
    mine = ownership.visible(ports.engine, user)
    until = now.astimezone(UTC).date()
    span = figures.days(until - timedelta(days=days - 1), until)
    since, before = (datetime.combine(day, time.min, UTC) for day in (span[0], until + timedelta(days=1)))
    counts = watching.arrivals(ports.engine, chosen(mine, account), since, before)
    values: dict[str, Any] = {"bars": figures.bars(counts, span, 720, 160), "total": sum(counts.values()), "days": days}
    return page(request, "arrivals.html", accounts=mine, account=account, **values, **shown(request, now))


@router.get("/quarantine")
def quarantine(
    request: Request, ports: Asking, user: CurrentUser, account: Name = "", number: PageNumber = 1
) -> Response:
    """Messages that could not be retrieved so far, each with its reason and next try."""
    mine = ownership.visible(ports.engine, user)
    entries = watching.quarantined(ports.engine, chosen(mine, account), _window(number))
    return _list(request, ports, "quarantine.html", entries, number, accounts=mine, account=account)


@router.post("/quarantine/retry")
def retry(request: Request, ports: Asking, user: CurrentUser, folder_id: Key, epoch: Whole, uid: Whole) -> Response:
    """Let the poller try a message again within seconds."""
    mine = ownership.visible(ports.engine, user)
    entry: dict[str, str | int] = {"folder_id": folder_id, "epoch": epoch, "uid": uid}
    slug = watching.retry(ports.engine, mine, entry, ports.clock.now())
    if slug is None:
        raise NotYours
    ports.accounts.look_now(slug)
    ports.audit(user, "console-quarantine-retry", slug, detail=f"{folder_id} UID {uid}")
    return RedirectResponse("/quarantine", 303)


@router.get("/dead-letters")
def dead_letters(
    request: Request, ports: Asking, user: CurrentUser, number: PageNumber = 1, settled: bool = False
) -> Response:
    """Records that a service could not use; an administrator also sees those that belong to no account."""
    mine = ownership.visible(ports.engine, user)
    entries = watching.letters(ports.engine, mine, _window(number), every=user.is_admin, settled=settled)
    return _list(request, ports, "dead_letters.html", entries, number, settled=settled, letter=None)


@router.get("/dead-letters/{letter}")
def dead_letter(request: Request, ports: Asking, user: CurrentUser, letter: int) -> Response:
    """Where one was and why it could not be used; never its content."""
    found = _letter(ports, user, letter)
    return _list(request, ports, "dead_letters.html", [], 1, settled=False, letter=found)


@router.post("/dead-letters/{letter}/replay")
def replay(ports: Asking, user: CurrentUser, letter: int) -> Response:
    """Send one through its reader once more."""
    found = _letter(ports, user, letter)
    context = Context(load().model_copy(update={"home": ports.home}), "", ports.engine)
    done = asyncio.run(letters.replay(context, [found.id]))
    outcome = "failed" if done.again else "ok"
    ports.audit(user, "console-dead-letter-replay", found.account or "", outcome, f"number {found.id}")
    return RedirectResponse(f"/dead-letters/{found.id}", 303)


@router.post("/dead-letters/{letter}/drop")
def drop(ports: Asking, user: CurrentUser, letter: int) -> Response:
    """Give one up: it is kept, but no longer counts."""
    found = _letter(ports, user, letter)
    letters.settle(ports.engine, [found.id], "dropped")
    ports.audit(user, "console-dead-letter-drop", found.account or "", detail=f"number {found.id}")
    return RedirectResponse("/dead-letters", 303)


@router.get("/audit")
def audit(
    request: Request, ports: Asking, user: CurrentUser, account: Name = "", action: Name = "", number: PageNumber = 1
) -> Response:
    """Who did what, latest first."""
    mine = ownership.visible(ports.engine, user)
    filters = {"account": account or None, "action": action or None}
    entries = watching.audit(ports.engine, mine, _window(number), every=user.is_admin, **filters)
    return _list(request, ports, "audit.html", entries, number, accounts=mine, account=account, action=action)


def chosen(mine: Sequence[str], account: str) -> Sequence[str]:
    """The account that was asked for, when it is among those that may be seen; all of them when none was."""
    if not account:
        return mine
    if account not in mine:
        raise NotYours
    return [account]


def _letter(ports: Ports, user: User, number: int) -> Letter:
    if not 0 <= number < 2**63:
        raise NotYours
    mine = ownership.visible(ports.engine, user)
    found = watching.letters(ports.engine, mine, Window(), every=user.is_admin, settled=True, number=number)
    if not found:
        raise NotYours
    return found[0]


def _window(number: int) -> Window:
    return Window((number - 1) * _PER_PAGE, _PER_PAGE)


def _list(
    request: Request, ports: Ports, template: str, entries: Sequence[Any], number: int, **values: Any
) -> Response:
    filters = "".join(f"&{name}={quote(values[name])}" for name in ("account", "action") if values.get(name))
    part = Part(number, len(entries) > _PER_PAGE, filters)
    return page(
        request, template, entries=entries[:_PER_PAGE], part=part, **values, **shown(request, ports.clock.now())
    )
