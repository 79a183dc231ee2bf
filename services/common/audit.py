"""Who changed what: rows of ``audit_log`` from programs without a broker, beside what ``mail.audit`` brings."""

import secrets
from datetime import datetime

from sqlalchemy import Connection, text

_ROW = text(
    "INSERT INTO audit_log (id, at, service, account_id, action, outcome, detail) "
    "VALUES (:id, :at, :service, :account, :action, :outcome, :detail)"
)


def note(
    connection: Connection,
    at: datetime,
    service: str,
    account: str,
    action: str,
    *,
    detail: str,
    outcome: str = "ok",
) -> None:
    """Add one entry in the caller's transaction. ``detail``: short, without content or secret."""
    row = {"id": f"{service}-{at.timestamp():.6f}-{secrets.token_hex(4)}", "at": at, "service": service}
    connection.execute(_ROW, row | {"account": account, "action": action, "outcome": outcome, "detail": detail})
