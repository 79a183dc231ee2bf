"""The first page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.common import completeness
from services.console import users
from services.console.web import Asking, CurrentUser, page

router = APIRouter(include_in_schema=False)


@router.get("/")
def overview(request: Request, ports: Asking, user: CurrentUser) -> Response:
    """Accounts and folders of the user with what was listed, stored, and what is missing."""
    mine = set(users.visible(ports.engine, user))
    accounts = [(account.slug, account.state) for account in ports.accounts.list() if account.slug in mine]
    return page(request, "overview.html", statuses=completeness.statuses(ports.engine, accounts))
