"""For machines: liveness without a secret, and the description of the interface."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Engine, text

from services.common.database import transaction
from services.common.errors import Unavailable
from services.console.web import Asking, CurrentUser

router = APIRouter(include_in_schema=False)


_PATIENCE = 5.0  # seconds; monitors wait for ten or so


@router.get("/healthz")
async def healthz(ports: Asking) -> dict[str, str]:
    """Whether the database answers within seconds; 503 when it does not.

    Who asks while another look is under way waits for that one: anybody may ask, and a database that hangs would hold a
    connection for each.
    """
    memory = ports.memory
    if memory.look is None or memory.look.done():
        memory.look = asyncio.create_task(asyncio.to_thread(_answers, ports.engine))
    answered, _ = await asyncio.wait({memory.look}, timeout=_PATIENCE)
    if not (answered and memory.look.result()):
        raise Unavailable("Postgres does not answer")
    return {"state": "green"}


def _answers(engine: Engine) -> bool:
    try:
        with transaction(engine) as connection:
            connection.execute(text("SELECT 1"))
    except Unavailable:
        return False
    return True


@router.get("/openapi.json")
def description(request: Request, user: CurrentUser) -> dict[str, Any]:
    """OpenAPI 3.1 of everything below ``/api``."""
    found: dict[str, Any] = request.app.openapi()
    return found
