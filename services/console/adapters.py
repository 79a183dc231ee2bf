"""What the console reaches outside: the database with accounts and mail, the clock, and bounds for connection tests."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine

from services.common import audit
from services.common.accounts.store import AccountStore
from services.common.clock import Clock
from services.common.database import transaction
from services.common.guard import Allowed, Resolver, TestBudget, lookup
from services.common.objects import ObjectStore
from services.console.memory import Memory
from services.console.users import User


@dataclass(frozen=True, slots=True)
class Ports:
    """Collaborators of every route. ``allowed``: the operator's exceptions for connection tests.

    ``store``: where mail lies. ``on_stack``: events have other readers, too.
    """

    engine: Engine
    accounts: AccountStore
    clock: Clock
    budget: TestBudget
    allowed: tuple[Allowed, ...]
    home: Path
    store: ObjectStore
    on_stack: bool = False
    resolver: Resolver = lookup
    memory: Memory = field(default_factory=Memory)

    def audit(self, user: User, action: str, account: str = "", outcome: str = "ok", detail: str = "") -> None:
        """Write down who did what; needs no broker, so it holds while Kafka is down. Blocks."""
        with transaction(self.engine) as connection:
            self.note(connection, user.name, action, account, outcome, detail)

    def note(
        self, connection: Connection, who: str, action: str, account: str = "", outcome: str = "ok", detail: str = ""
    ) -> None:
        """The same in the caller's transaction."""
        by = f"by {who}" + (f": {detail}" if detail else "")
        audit.note(connection, self.clock.now(), "console", account, action, detail=by, outcome=outcome)
