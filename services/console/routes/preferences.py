"""Language and theme of a browser: plain form posts, kept in cookies that hold nothing else."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.console.web import local, settings_of

router = APIRouter(include_in_schema=False)
_YEAR = 31_536_000


@router.post("/preferences/language")
def language(request: Request, choice: Annotated[Literal["en", "zh"], Form()]) -> Response:
    """English or Chinese from now on."""
    return _kept(request, "language", choice)


@router.post("/preferences/theme")
def theme(request: Request, choice: Annotated[Literal["light", "dark", "system"], Form()]) -> Response:
    """Light, dark, or as the system says."""
    return _kept(request, "theme", choice)


def _kept(request: Request, name: str, choice: str) -> Response:
    response = RedirectResponse(local(request.query_params.get("back", "/")), 303)
    response.set_cookie(name, choice, max_age=_YEAR, secure=settings_of(request).secure, samesite="lax", httponly=True)
    return response
