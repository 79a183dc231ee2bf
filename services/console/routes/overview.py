"""The first page, and the folders of one account: both watch while mail comes in."""

import time
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.common import completeness
from services.common.completeness import FolderStatus
from services.console import figures, forms, ownership, watching
from services.console.texts import Language, Lookup, lookup
from services.console.watching import AccountLine
from services.console.web import Asking, CurrentUser, OwnAccount, language_of, page
from services.front.plain import line
from services.front.retold import said

router = APIRouter(include_in_schema=False)
PageNumber = Annotated[int, Query(ge=1, le=100_000)]
_PER_PAGE = 20
_FOLDERS_PER_PAGE = 200


def shown(request: Request, now: datetime) -> dict[str, Any]:
    """How every watching page writes figures and times."""
    language = language_of(request)
    t = lookup(language)
    return {
        "advice": partial(advice, language=language),
        "said": partial(said, lang=language),
        "number": figures.number,
        "octets": figures.octets,
        "ago": partial(figures.ago, now=now, t=t),
        "plain": line,
        "remaining": partial(remaining, t=t),
    }


def remaining(account: AccountLine, t: Lookup) -> str:
    """How long an import still takes at the pace of the last minute; empty when nothing is left."""
    seconds = figures.estimate(account.left, account.lately, watching.PACE_SECONDS)
    if seconds is not None:
        return t("watch.remaining", time=figures.lasting(seconds, t))
    return t("watch.waiting") if account.left else ""


def advice(account: AccountLine, language: Language) -> str:
    """What to do about an account, with the names of buttons in place of commands."""
    return forms.retold(account.advice, account.account, language)


@router.get("/")
def overview(request: Request, ports: Asking, user: CurrentUser, number: PageNumber = 1) -> Response:
    """Accounts of the user with what was listed, stored, and what is missing."""
    mine = ownership.visible(ports.engine, user)
    now = ports.clock.now()
    place = _place(number, len(mine), _PER_PAGE)
    slugs = mine[(place - 1) * _PER_PAGE : place * _PER_PAGE]
    start = time.monotonic()
    lines = watching.account_lines(ports.engine, slugs, now)
    return page(
        request,
        "overview.html",
        accounts=lines,
        total=len(mine),
        place=place,
        more=len(mine) > place * _PER_PAGE,
        pause=figures.pause(sum(each.left for each in lines), time.monotonic() - start),
        **shown(request, now),
    )


@router.get("/accounts/{name}/progress")
def progress(request: Request, ports: Asking, account: OwnAccount, number: PageNumber = 1) -> Response:
    """One account folder by folder; the page of the account holds it, too.

    Where not all folders fit, those that something is left or wrong with come first.
    """
    now, start = ports.clock.now(), time.monotonic()
    (figures_of_all,) = watching.account_lines(ports.engine, [account.slug], now)
    found = completeness.folders_of(ports.engine, account.slug)
    if len(found) > _FOLDERS_PER_PAGE:
        found.sort(key=_is_well)
    place = _place(number, len(found), _FOLDERS_PER_PAGE)
    values: dict[str, Any] = {
        "account": figures_of_all,
        "folders": found[(place - 1) * _FOLDERS_PER_PAGE : place * _FOLDERS_PER_PAGE],
        "place": place,
        "more": len(found) > place * _FOLDERS_PER_PAGE,
        "pause": figures.pause(figures_of_all.left, time.monotonic() - start),
    }
    return page(request, "account_progress.html", **values, **shown(request, now))


def _place(number: int, entries: int, per_page: int) -> int:
    """The page that was asked for, or the last one when the list has become shorter."""
    return min(number, max(1, -(-entries // per_page)))


def _is_well(folder: FolderStatus) -> bool:
    return not (folder.missing or folder.pending or folder.quarantined or folder.last_error)
