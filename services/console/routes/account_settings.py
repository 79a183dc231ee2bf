"""The settings of an account beyond its connection: how often, which folders, how much, how long."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from services.common.accounts.fields import Account
from services.console import account_pages as pages
from services.console import settings_form
from services.console.forms import Invalid
from services.console.sent import Values
from services.console.web import Asking, CurrentUser, OwnAccount, page

router = APIRouter(prefix="/accounts", include_in_schema=False)


@router.get("/{name}/settings")
def shown(request: Request, account: OwnAccount) -> Response:
    """The form; an empty field stands for what counts without it, which is shown."""
    return _form(request, account)


@router.post("/{name}/settings")
def change(request: Request, ports: Asking, account: OwnAccount, user: CurrentUser, values: Values) -> Response:
    """Store the settings; the rules are those of ``mailweir accounts set``."""
    try:
        after = settings_form.changed(account, values)
    except Invalid as error:
        return _form(request, account, values, pages.told(request, error.problems))
    ports.accounts.update(after)
    names = (name for name in settings_form.SHOWN if after.given.get(name) != account.given.get(name))
    ports.audit(user, "console-settings", account.slug, detail=", ".join(names))
    return RedirectResponse(f"/accounts/{account.slug}?done=saved", 303)


def _form(
    request: Request,
    account: Account,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    fields = settings_form.fields_of(account, typed)
    status = 422 if problems else 200
    return page(request, "account_settings.html", status, account=account, fields=fields, problems=problems or {})
