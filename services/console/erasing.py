"""Erasing behind the page that asked for it: the wish is a row, so that a console that is started anew goes on.

A thread of the console works through the rows; services that are behind may keep it waiting for minutes. All block.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, Engine, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.common.database import fault_named, transaction
from services.common.errors import ConfigurationError, Incomplete, MailweirError, Unavailable
from services.console.adapters import Ports
from services.console.memory import mailbox_of
from services.console.tables import erasures
from services.console.users import User
from services.front.erasing import erased

log = logging.getLogger(__name__)
ASKED, REMOVED, ERASED = "console-erase", "console-remove", "erased"
_LOCK = 0x4D57_0002
_AGAIN = 30.0
_LEFT = text("SELECT count(*) FROM emails WHERE account_id = :account")
_LAST = text(
    "SELECT detail FROM audit_log WHERE account_id = :account AND service = 'console' AND action = :action "
    "ORDER BY at DESC LIMIT 1"
)


class Erasure(Struct, frozen=True, kw_only=True):
    """What was asked for.

    ``problem``: what the last try ended with (``unavailable``, ``busy``, ``settings``, ``unexpected``).
    """

    account: str
    asked_by: str
    asked_at: datetime
    tried_at: datetime | None
    problem: str
    left: int = 0


def ask(ports: Ports, user: User, slug: str) -> None:
    """Pause the account and write down that its mail shall be erased; :func:`keep_erasing` does it."""
    ports.accounts.set_state(slug, "paused")
    row = insert(erasures).values(account=slug, asked_by=user.name, asked_at=ports.clock.now())
    with transaction(ports.engine) as connection:
        connection.execute(row.on_conflict_do_nothing())
    ports.audit(user, ASKED, slug)
    ports.memory.to_erase.set()


def erasure_of(engine: Engine, slug: str) -> Erasure | None:
    """What was asked for and is not done yet, with how many messages are left."""
    with transaction(engine) as connection:
        row = connection.execute(select(erasures).where(erasures.c.account == slug)).first()
        left = connection.execute(_LEFT, {"account": slug}).scalar_one() if row else 0
    return Erasure(**row._mapping, left=left) if row else None


def waiting(engine: Engine) -> Sequence[str]:
    """Accounts that are to be erased, the oldest wish first."""
    with transaction(engine) as connection:
        return list(connection.scalars(select(erasures.c.account).order_by(erasures.c.asked_at)))


def erased_by(engine: Engine, slug: str) -> str:
    """Who had the account of that name erased when that was the last that became of it; else empty."""
    with transaction(engine) as connection:
        detail: str = connection.execute(_LAST, {"account": slug, "action": REMOVED}).scalar() or ""
    end = f": {ERASED}"
    return detail.removeprefix("by ").removesuffix(end) if detail.endswith(end) else ""


@contextmanager
def erasing(ports: Ports) -> Iterator[None]:
    """While the block runs, a thread erases what was asked for. An end in the middle does no harm: the row stays."""
    stop = threading.Event()
    thread = threading.Thread(target=_keep_erasing, args=(ports, stop), daemon=True, name="erasing")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        ports.memory.to_erase.set()
        thread.join(1.0)


def _keep_erasing(ports: Ports, stop: threading.Event) -> None:
    while not stop.is_set():
        ports.memory.to_erase.clear()
        try:
            for slug in waiting(ports.engine):
                if not stop.is_set():
                    _try(ports, slug)
        except Unavailable:
            log.debug("the database does not answer; accounts are erased later")
        except Exception as error:
            log.error("unexpected %s; accounts are erased later", type(error).__name__, exc_info=error)
        if not stop.is_set():
            ports.memory.to_erase.wait(_AGAIN)


def _try(ports: Ports, slug: str) -> None:
    """Erase one account, unless another console does; what it ends with is noted for the page and logged."""
    with _alone(ports.engine, slug) as alone:
        found = erasure_of(ports.engine, slug) if alone else None
        if found is None:
            return
        try:
            _erase(ports, found)
        except Exception as error:
            known = isinstance(error, MailweirError)
            log.log(
                logging.WARNING if known else logging.ERROR,
                "account %s is not erased yet: %s", slug, error if known else type(error).__name__,
                exc_info=None if known else error,
            )  # fmt: skip
            _note(ports, slug, _kind(error))


def _erase(ports: Ports, found: Erasure) -> None:
    account = ports.accounts.get(found.account)

    def told(connection: Connection) -> None:
        ports.note(connection, found.asked_by, REMOVED, found.account, detail=ERASED)

    erased(ports, found.account, embedded=not ports.on_stack, then=told)
    ports.memory.listings.pop(mailbox_of(account), None)


def _kind(error: Exception) -> str:
    kinds = {Incomplete: "busy", Unavailable: "unavailable", ConfigurationError: "settings"}
    return next((name for kind, name in kinds.items() if isinstance(error, kind)), "unexpected")


def _note(ports: Ports, slug: str, problem: str) -> None:
    values = {"problem": problem, "tried_at": ports.clock.now()}
    with suppress(Unavailable), transaction(ports.engine) as connection:
        connection.execute(update(erasures).where(erasures.c.account == slug).values(**values))


@contextmanager
def _alone(engine: Engine, slug: str) -> Iterator[bool]:
    """Whether no other console erases this account; told by a lock that ends with its connection."""
    keys = (literal(_LOCK), func.hashtext(slug))
    with fault_named(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        alone = bool(connection.scalar(select(func.pg_try_advisory_lock(*keys))))
        try:
            yield alone
        finally:
            if alone:
                connection.scalar(select(func.pg_advisory_unlock(*keys)))
