"""What an error looks like to a browser, to htmx and to a program: one line, no inner detail, never a secret."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from services.common.errors import MailweirError, Unavailable
from services.console.texts import lookup
from services.console.web import (
    BeingErased,
    Forged,
    NotYours,
    ProofNeeded,
    SignInNeeded,
    here,
    is_htmx,
    language_of,
    page,
    session_of,
    wants_json,
)

log = logging.getLogger(__name__)
_TEXTS = {
    403: "error.forbidden",
    404: "error.missing",
    409: "erasing.refused",
    503: "error.unavailable",
    422: "error.invalid",
}


def install(app: FastAPI) -> None:
    """Give every failure its answer."""
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(ProofNeeded, _to_proof)
    app.add_exception_handler(Forged, _always(403))
    app.add_exception_handler(NotYours, _always(404))
    app.add_exception_handler(Unavailable, _always(503))
    app.add_exception_handler(BeingErased, _always(409))
    app.add_exception_handler(RequestValidationError, _always(422))
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(MailweirError, _told)
    app.add_exception_handler(Exception, _unexpected)


def failed(request: Request, status: int, message: str) -> Response:
    """The answer to a failure with its text for people."""
    if wants_json(request):
        return JSONResponse({"error": message}, status)
    return page(request, "error.html", status, message=message)


async def _to_sign_in(request: Request, error: Exception) -> Response:
    if is_htmx(request):
        return Response(status_code=401, headers={"HX-Redirect": "/signin"})
    if wants_json(request):
        return JSONResponse({"error": "sign in, or send Authorization: Bearer"}, 401)
    return RedirectResponse("/signin", 303)


async def _to_proof(request: Request, error: Exception) -> Response:
    if wants_json(request):
        return JSONResponse({"error": "type the password again at /prove"}, 403)
    return page(request, "prove.html", 403, back=here(request), message="")


def _always(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return failed(request, status, lookup(language_of(request))(_TEXTS[status]))

    return answer


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    with contextlib.suppress(Unavailable):
        request.state.session = await asyncio.to_thread(session_of, request)
    headers = error.headers if isinstance(error, HTTPException) else None
    response = failed(request, status, lookup(language_of(request))(_TEXTS.get(status, "error.invalid")))
    response.headers.update(headers or {})
    return response


async def _told(request: Request, error: Exception) -> Response:
    return failed(request, 400, str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected %s on %s", type(error).__name__, request.url.path, exc_info=error)
    return failed(request, 500, lookup(language_of(request))("error.unexpected"))
