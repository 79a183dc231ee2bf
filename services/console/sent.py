"""What a request carries: fields of a form, or a JSON object of a program; texts only, a file is refused."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData

MOST_FIELDS = 20_000
"""Boxes that may be ticked at once: an account may have thousands of folders."""


async def form(request: Request) -> FormData:
    """The fields of a form, parsed once for each request. Raises HTTPException: it is none, or holds a file."""
    return await request.form(max_files=0, max_fields=MOST_FIELDS)


async def values(request: Request) -> Mapping[str, str]:
    """Each field once. Raises RequestValidationError for JSON of another shape."""
    if "json" in request.headers.get("content-type", ""):
        return _of_json(await request.body())
    return {name: text for name, text in (await form(request)).items() if isinstance(text, str)}


def ticked(name: str) -> Callable[[Request], Awaitable[Sequence[str]]]:
    """What reads the ticked boxes of a name."""

    async def read(request: Request) -> Sequence[str]:
        return [text for text in (await form(request)).getlist(name) if isinstance(text, str)]

    return read


def _of_json(body: bytes) -> Mapping[str, str]:
    try:
        found = json.loads(body)
        if not isinstance(found, dict):
            raise TypeError("an object is expected")
        texts = {name: _text(value) for name, value in found.items() if value is not None}
        "".join(texts.values()).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise RequestValidationError([{"loc": ["body"], "msg": "an object of texts is expected"}]) from error
    return texts


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError("a text is expected")
    return str(value)


Values = Annotated[Mapping[str, str], Depends(values)]
Folders = Annotated[Sequence[str], Depends(ticked("folder"))]
Slugs = Annotated[Sequence[str], Depends(ticked("account"))]
