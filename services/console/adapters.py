"""What the console reaches outside: the database with accounts and mail, the clock, and bounds for connection tests."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from services.common.accounts import AccountStore
from services.common.clock import Clock
from services.common.database import transaction
from services.common.guard import Allowed, TestBudget
from services.console.users import User

_AUDIT = text(
    "INSERT INTO audit_log (id, at, service, account_id, action, outcome, detail) "
    "VALUES (:id, :at, 'console', :account, :action, :outcome, :detail)"
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Collaborators of every route. ``allowed``: the operator's exceptions for connection tests."""

    engine: Engine
    accounts: AccountStore
    clock: Clock
    budget: TestBudget
    allowed: tuple[Allowed, ...]
    home: Path

    def audit(self, user: User, action: str, account: str = "", outcome: str = "ok", detail: str = "") -> None:
        """Write down who did what; needs no broker, so it holds while Kafka is down. Blocks."""
        now = self.clock.now()
        row = {"id": f"console-{now.timestamp():.6f}-{secrets.token_hex(4)}", "at": now, "account": account}
        by = f"by {user.name}" + (f": {detail}" if detail else "")
        with transaction(self.engine) as connection:
            connection.execute(_AUDIT, row | {"action": action, "outcome": outcome, "detail": by})
