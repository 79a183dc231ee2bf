"""Users of the console, for administrators; a change wants the password typed lately."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.common.errors import ConfigurationError
from services.common.secret import Secret
from services.console import ownership, users
from services.console.adapters import Ports
from services.console.sent import Slugs
from services.console.texts import lookup
from services.console.users import Role, User
from services.console.web import Admin, Asking, NotYours, language_of, page, proved

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form(max_length=1000)]
_NAMED = 5
_PROVED = [Depends(proved)]


@router.get("/users")
def listing(request: Request, ports: Asking, user: Admin) -> Response:
    """All users with their accounts, and a form for one more."""
    return _page(request, ports)


@router.post("/users", dependencies=_PROVED)
def add(
    request: Request, ports: Asking, user: Admin, name: Text = "", password: Text = "", role: Text = ""
) -> Response:
    """One more user; what is wrong is said beside the form, which keeps the name."""
    wanted: Role = "admin" if role == "admin" else "user"
    try:
        made = users.add(ports.engine, name, Secret(password), wanted)
    except ConfigurationError as error:
        language = language_of(request)
        told = str(error) if language == "en" else lookup(language)("users.refused")
        return _page(request, ports, 400, told, name)
    ports.audit(user, "console-user-add", detail=f"{made.name}, {wanted}")
    return RedirectResponse("/users", 303)


@router.get("/users/{number}/accounts")
def choice(request: Request, ports: Asking, user: Admin, number: int) -> Response:
    """All accounts with a box each, for one user."""
    found = _known(ports, number)
    own = frozenset(ownership.owned(ports.engine).get(found.id, ()))
    slugs = [account.slug for account in ports.accounts.list()]
    return page(request, "user_accounts.html", each=found, own=own, accounts=slugs)


@router.post("/users/{number}/accounts", dependencies=_PROVED)
def share(ports: Asking, user: Admin, number: int, slugs: Slugs) -> Response:
    """Give a user exactly the accounts that are ticked."""
    found = _known(ports, number)
    ownership.own_exactly(ports.engine, found, slugs)
    ports.audit(user, "console-user-accounts", detail=found.name)
    return RedirectResponse("/users", 303)


@router.post("/users/{number}/remove", dependencies=_PROVED)
def remove(request: Request, ports: Asking, user: Admin, number: int) -> Response:
    """Remove a user with their sessions; nobody removes themselves, so that an administrator is left."""
    found = _known(ports, number)
    if found.id == user.id:
        return _page(request, ports, 400, lookup(language_of(request))("users.yourself"))
    users.remove(ports.engine, found.name)
    ports.audit(user, "console-user-remove", detail=found.name)
    return RedirectResponse("/users", 303)


def _known(ports: Ports, number: int) -> User:
    found = next((each for each in users.everyone(ports.engine) if each.id == number), None)
    if found is None:
        raise NotYours
    return found


def _page(request: Request, ports: Ports, status: int = 200, message: str = "", name: str = "") -> Response:
    owned = ownership.owned(ports.engine)
    rows = [(each, owned.get(each.id, ())) for each in users.everyone(ports.engine)]
    return page(request, "users.html", status, rows=rows, most=_NAMED, message=message, name=name)
