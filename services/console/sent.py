"""What a request carries: fields of a form, or a JSON object of a program; texts only, a file is refused."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError


async def values(request: Request) -> Mapping[str, str]:
    """Each field once. Raises RequestValidationError for JSON of another shape."""
    if "json" in request.headers.get("content-type", ""):
        return _of_json(await request.body())
    return {name: text for name, text in (await request.form(max_files=0)).items() if isinstance(text, str)}


async def boxes(request: Request) -> Sequence[str]:
    """The ticked boxes called ``folder``."""
    return [text for text in (await request.form(max_files=0)).getlist("folder") if isinstance(text, str)]


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
Boxes = Annotated[Sequence[str], Depends(boxes)]
