"""For machines: liveness without a secret, and the description of the interface."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import text

from services.common.database import transaction
from services.console.web import Asking, CurrentUser

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz(ports: Asking) -> dict[str, str]:
    """Whether the database answers; 503 when it does not."""
    with transaction(ports.engine) as connection:
        connection.execute(text("SELECT 1"))
    return {"state": "green"}


@router.get("/openapi.json")
def description(request: Request, user: CurrentUser) -> dict[str, Any]:
    """OpenAPI 3.1 of everything below ``/api``."""
    found: dict[str, Any] = request.app.openapi()
    return found
