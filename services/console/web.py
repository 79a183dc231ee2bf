"""What every route uses: who asks, whether they may, and the page or the JSON that answers."""

import hmac
import re
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.common.accounts.fields import SLUG, Account
from services.console import erasing, ownership, sent, sessions
from services.console.adapters import Ports
from services.console.navigation import navigation
from services.console.sessions import Session
from services.console.settings import ConsoleSettings
from services.console.static_files import address
from services.console.texts import Language, lookup, preferred
from services.console.users import User
from services.front.plain import line, named

PAGES = Environment(loader=PackageLoader("services.console"), autoescape=True, undefined=StrictUndefined)
PAGES.filters |= {"plain": line, "named": named}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLL = "x-poll"


class SignInNeeded(Exception):
    """Nobody is signed in."""


class Forged(Exception):
    """A change without the token that only our own pages know."""


class NotYours(Exception):
    """There is no such thing, or it belongs to somebody else: the answer is the same."""


class BeingErased(Exception):
    """The mail of the account is being erased, and nothing else may be done with it."""


class ProofNeeded(Exception):
    """The password has to be typed again before this."""


def ports_of(request: Request) -> Ports:
    """The collaborators that the application was made with."""
    ports: Ports = request.app.state.ports
    return ports


def settings_of(request: Request) -> ConsoleSettings:
    """The settings that the application was made with."""
    settings: ConsoleSettings = request.app.state.settings
    return settings


def cookie_name(settings: ConsoleSettings) -> str:
    """Over HTTPS the prefix makes browsers refuse the cookie from anybody else (RFC 6265bis section 4.1.3)."""
    return "__Host-mailweir" if settings.secure else "mailweir"


def token_of(request: Request) -> str:
    """The browser's token, signed in or not; empty for a browser that was never here."""
    return request.cookies.get(cookie_name(settings_of(request)), "")


def set_token(request: Request, response: Response, token: str) -> None:
    """Hand the browser its token; scripts cannot read it and other sites do not send it along."""
    settings = settings_of(request)
    response.set_cookie(cookie_name(settings), token, httponly=True, secure=settings.secure, samesite="lax", path="/")


def session_of(request: Request) -> Session | None:
    """The session of a browser's cookie or of a program's ``Authorization: Bearer``. Blocks."""
    idle = timedelta(minutes=settings_of(request).idle_minutes)
    ports, bearer = ports_of(request), _bearer(request)
    if bearer:
        return sessions.find(ports.engine, bearer, ports.clock.now(), idle, ("program",))
    token = token_of(request)
    by_person = _POLL not in request.headers
    now = ports.clock.now()
    return sessions.find(ports.engine, token, now, idle, ("browser",), by_person=by_person) if token else None


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def current_session(request: Request) -> Session:
    """Who asks. Raises SignInNeeded."""
    session = session_of(request)
    if session is None:
        raise SignInNeeded
    request.state.session = session
    return session


def current_user(session: Annotated[Session, Depends(current_session)]) -> User:
    """Who asks. Raises SignInNeeded."""
    return session.user


def admin(user: Annotated[User, Depends(current_user)]) -> User:
    """An administrator. Raises NotYours for others."""
    if not user.is_admin:
        raise NotYours
    return user


def own_account(name: str, request: Request, user: Annotated[User, Depends(current_user)]) -> Account:
    """The account of the path, when this user may see it. Raises NotYours; for a change BeingErased."""
    ports = ports_of(request)
    found = ports.accounts.find(name) if re.fullmatch(SLUG, name) else None
    if found is None or found.slug != name or not ownership.may_see(ports.engine, user, name):
        raise NotYours
    if request.method not in _SAFE and erasing.erasure_of(ports.engine, name):
        raise BeingErased
    return found


def proved(request: Request, session: Annotated[Session, Depends(current_session)]) -> Session:
    """Somebody who typed the password in the last five minutes. Raises ProofNeeded."""
    if not session.proved(ports_of(request).clock.now()):
        raise ProofNeeded
    return session


async def unforged(request: Request) -> None:
    """Every change carries the token of its page, as header or form field; programs have no cookie to abuse."""
    if request.method in _SAFE or _bearer(request):
        return
    told = request.headers.get("x-csrf-token") or await _form_field(request)
    token = token_of(request)
    if not token or not hmac.compare_digest(told.encode(), sessions.csrf_of(token).encode()):
        raise Forged


async def _form_field(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith(("application/x-www-form", "multipart/form-data")):
        return ""
    token = (await sent.form(request)).get("csrf")
    return token if isinstance(token, str) else ""


Asking = Annotated[Ports, Depends(ports_of)]
CurrentSession = Annotated[Session, Depends(current_session)]
CurrentUser = Annotated[User, Depends(current_user)]
Admin = Annotated[User, Depends(admin)]
OwnAccount = Annotated[Account, Depends(own_account)]
Reauthenticated = Annotated[Session, Depends(proved)]


def address_of(request: Request) -> str:
    """Where the browser or the proxy before it sits; empty for a connection without addresses."""
    return request.client.host if request.client else ""


def language_of(request: Request) -> Language:
    """The language chosen on the page, else the browser's."""
    chosen = request.cookies.get("language")
    if chosen in ("en", "zh"):
        return "zh" if chosen == "zh" else "en"
    return preferred(request.headers.get("accept-language", ""))


def theme_of(request: Request) -> str:
    """``light`` or ``dark`` when chosen on the page, empty for the system's."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in ("light", "dark") else ""


def is_htmx(request: Request) -> bool:
    """Whether a part of a page is asked for by a page that is open."""
    return "hx-request" in request.headers and "hx-boosted" not in request.headers


def wants_json(request: Request) -> bool:
    """Whether a program asks: JSON is accepted and HTML is not."""
    accepted = request.headers.get("accept", "*/*")
    return not is_htmx(request) and "text/html" not in accepted and request.url.path.startswith(("/api/", "/openapi"))


def elsewhere(request: Request, path: str) -> Response:
    """To another page of ours, also for a part of a page that asks."""
    return Response(headers={"HX-Redirect": path}) if is_htmx(request) else RedirectResponse(path, 303)


def local(path: str) -> str:
    """A path on this site; anything that leads elsewhere becomes the start page."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain else "/"


def here(request: Request) -> str:
    """Where a browser can return to: this page with its query; after a form, which no link opens, the accounts."""
    if request.method not in _SAFE:
        return "/accounts"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page, or for htmx its ``main`` block alone. Templates get user, csrf, lang, t, theme and ``values``."""
    session = getattr(request.state, "session", None)
    token = session.token if session else token_of(request)
    language = language_of(request)
    common = {
        "request": request,
        "user": session.user if session else None,
        "csrf": sessions.csrf_of(token) if token else "",
        "lang": language,
        "t": lookup(language),
        "theme": theme_of(request),
        "here": here(request),
        "asset": address,
        "navigation": navigation(session.user) if session else (),
        "layout": "part.html" if is_htmx(request) else "base.html",
    }
    return HTMLResponse(PAGES.get_template(template).render(common | values), status)
