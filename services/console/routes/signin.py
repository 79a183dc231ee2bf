"""Signing in and out, and typing the password again."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.common.errors import ConfigurationError
from services.common.secret import Secret
from services.console import handlers, sessions
from services.console.sessions import Session
from services.console.texts import lookup
from services.console.users import TooManyAttempts
from services.console.web import (
    Asking,
    CurrentSession,
    address_of,
    language_of,
    local,
    page,
    ports_of,
    session_of,
    set_token,
    settings_of,
    token_of,
)

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form(max_length=1000)]


@router.get("/signin")
def form(request: Request) -> Response:
    """The form; a browser that was never here gets a token first, so that the form can be told from a forged one."""
    if session_of(request):
        return RedirectResponse("/", 303)
    return _form(request)


@router.post("/signin")
def sign_in(request: Request, ports: Asking, name: Text = "", password: Text = "") -> Response:
    """Check the password; the token changes, so that one planted before is worth nothing."""
    t = lookup(language_of(request))
    try:
        session = handlers.sign_in(ports, name, Secret(password), address_of(request), _lasts(request))
    except TooManyAttempts:
        return _form(request, 429, t("signin.flood"), name)
    except ConfigurationError:
        session = None
    return _welcome(request, session) if session else _form(request, 401, t("signin.wrong"), name)


@router.get("/signin/link")
def by_link(request: Request, token: str = "") -> Response:
    """A one-time link from the terminal."""
    session = handlers.sign_in_by_link(ports_of(request), token, _lasts(request))
    if session is None:
        return _form(request, 401, lookup(language_of(request))("signin.link"))
    return _welcome(request, session)


@router.post("/signout")
def sign_out(request: Request, ports: Asking, session: CurrentSession) -> Response:
    """End the session on the server, then forget it in the browser."""
    sessions.end(ports.engine, session.token)
    ports.audit(session.user, "console-signout")
    response = RedirectResponse("/signin", 303)
    set_token(request, response, sessions.fresh_token())
    return response


@router.post("/prove")
def prove(request: Request, ports: Asking, session: CurrentSession, password: Text = "", back: Text = "/") -> Response:
    """Type the password again; five minutes of changes to servers and secrets follow."""
    t = lookup(language_of(request))
    try:
        right = handlers.prove(ports, session, Secret(password), address_of(request))
    except TooManyAttempts:
        return page(request, "prove.html", 429, back=back, message=t("signin.flood"))
    if not right:
        return page(request, "prove.html", 403, back=back, message=t("signin.wrong"))
    return RedirectResponse(local(back), 303)


def _form(request: Request, status: int = 200, message: str = "", name: str = "") -> Response:
    known = token_of(request)
    token = known or sessions.fresh_token()
    response = page(request, "signin.html", status, message=message, name=name, csrf=sessions.csrf_of(token))
    if not known:
        set_token(request, response, token)
    return response


def _welcome(request: Request, session: Session) -> Response:
    response = RedirectResponse("/", 303)
    set_token(request, response, session.token)
    return response


def _lasts(request: Request) -> timedelta:
    return timedelta(hours=settings_of(request).session_hours)
