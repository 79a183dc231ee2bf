"""Sessions of the console. The browser holds a random token, the database only its SHA-256. All calls block."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from services.common.database import transaction
from services.console.tables import sessions, users
from services.console.users import User, of_row

Kind = Literal["browser", "program", "link"]
PROVED_FOR = timedelta(minutes=5)
_SEEN_STEP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user; ``proved_at`` is when the password was typed last."""

    token: str
    user: User
    kind: Kind
    proved_at: datetime

    @property
    def csrf(self) -> str:
        """What every change must carry."""
        return csrf_of(self.token)

    def proved(self, now: datetime) -> bool:
        """Whether the password was typed lately, or there is none to type."""
        return not self.user.has_password or now - self.proved_at <= PROVED_FOR


def fresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def csrf_of(token: str) -> str:
    """A value that only a page of this browser's token knows; the token cannot be found from it."""
    return hashlib.sha256(b"csrf:" + token.encode()).hexdigest()


def start(engine: Engine, user: User, kind: Kind, now: datetime, lasts: timedelta) -> Session:
    """A new session with a new token; sessions that have ended are swept."""
    token = fresh_token()
    row = {"token_hash": _hash(token), "user_id": user.id, "kind": kind, "expires_at": now + lasts}
    with transaction(engine) as connection:
        connection.execute(delete(sessions).where(sessions.c.expires_at < now))
        connection.execute(insert(sessions).values(**row, created_at=now, seen_at=now, proved_at=now))
    return Session(token, user, kind, now)


def find(
    engine: Engine, token: str, now: datetime, idle: timedelta, kinds: tuple[Kind, ...], *, by_person: bool = True
) -> Session | None:
    """The session of a token, None when it is unknown, ended or idle for too long.

    ``by_person`` false: an open page asks by itself, which does not keep the session alive.
    """
    query = select(sessions, users).join(users, users.c.id == sessions.c.user_id)
    with transaction(engine) as connection:
        row = connection.execute(query.where(sessions.c.token_hash == _hash(token))).first()
        if row is None or row.kind not in kinds or row.expires_at <= now:
            return None
        if row.kind == "browser" and now - row.seen_at > idle:
            return None
        if by_person and now - row.seen_at > _SEEN_STEP:
            connection.execute(update(sessions).where(sessions.c.token_hash == _hash(token)).values(seen_at=now))
    return Session(token, of_row(row), row.kind, row.proved_at)


def prove(engine: Engine, session: Session, now: datetime) -> None:
    """Note that the password was typed again."""
    with transaction(engine) as connection:
        statement = update(sessions).where(sessions.c.token_hash == _hash(session.token))
        connection.execute(statement.values(proved_at=now))


def end(engine: Engine, token: str) -> None:
    """Sign out: the token is worth nothing from now on."""
    with transaction(engine) as connection:
        connection.execute(delete(sessions).where(sessions.c.token_hash == _hash(token)))


def redeem(engine: Engine, token: str, now: datetime) -> User | None:
    """The user of a one-time link, which is used up by this."""
    found = find(engine, token, now, timedelta(0), ("link",))
    if found is None:
        return None
    with transaction(engine) as connection:
        used = connection.execute(delete(sessions).where(sessions.c.token_hash == _hash(token))).rowcount
    return found.user if used else None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
