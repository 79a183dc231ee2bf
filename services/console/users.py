"""Local users of the console: names, argon2id hashes, roles, and the sign-in by password. All calls block."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from threading import BoundedSemaphore
from typing import Any, Literal

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Engine, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from services.common.database import transaction
from services.common.errors import ConfigurationError, MailweirError
from services.common.message import normal_form
from services.common.secret import Secret
from services.console.tables import sessions, signin_failures, users

Role = Literal["admin", "user"]
LEAST_LENGTH = 10
_WINDOW = timedelta(minutes=15)
_CHECKING = BoundedSemaphore(2)
_PER_PAIR, _PER_NAME, _PER_ADDRESS = 5, 50, 50


class TooManyAttempts(MailweirError):
    """Sign-in failed too often of late, for this name or from this address."""


@dataclass(frozen=True, slots=True)
class User:
    """Who is at the desk. ``has_password`` is false for one who comes by a printed link only."""

    id: int
    name: str
    role: Role
    has_password: bool = True

    @property
    def is_admin(self) -> bool:
        """Whether all accounts and users are theirs to see."""
        return self.role == "admin"


def add(engine: Engine, name: str, password: Secret | None, role: Role = "user") -> User:
    """Make a user. Raises ConfigurationError: the name is taken or empty, or the password is too short."""
    name = normal(name)
    statement = insert(users).values(
        name=name, password_hash=None if password is None else _hashed(password), role=role
    )
    with transaction(engine) as connection:
        row = connection.execute(statement.on_conflict_do_nothing().returning(users)).first()
    if row is None:
        raise ConfigurationError(f"user {name} exists already; `mailweir users password {name}` changes the password")
    return of_row(row)


def set_password(engine: Engine, name: str, password: Secret) -> None:
    """Replace a password and end the user's sessions. Raises ConfigurationError."""
    hashed = _hashed(password)
    with transaction(engine) as connection:
        statement = update(users).where(users.c.name == normal(name)).values(password_hash=hashed)
        found = connection.execute(statement.returning(users.c.id)).scalar()
        connection.execute(delete(sessions).where(sessions.c.user_id == found))
    if found is None:
        raise _unknown(name)


def remove(engine: Engine, name: str) -> None:
    """Remove a user with their sessions; accounts and mail stay. Raises ConfigurationError."""
    with transaction(engine) as connection:
        if not connection.execute(delete(users).where(users.c.name == normal(name))).rowcount:
            raise _unknown(name)


def everyone(engine: Engine) -> Sequence[User]:
    """All users by name."""
    with transaction(engine) as connection:
        return [of_row(row) for row in connection.execute(select(users).order_by(users.c.name))]


def find(engine: Engine, name: str) -> User | None:
    """A user by name."""
    with transaction(engine) as connection:
        row = connection.execute(select(users).where(users.c.name == normal(name))).first()
    return of_row(row) if row else None


def get(engine: Engine, name: str) -> User:
    """A user by name. Raises ConfigurationError when there is none."""
    found = find(engine, name)
    if found is None:
        raise _unknown(name)
    return found


def verify(engine: Engine, name: str, password: Secret, address: str, now: datetime) -> User | None:
    """The user when the password is right, else None; an unknown name takes as long as a wrong password.

    Two at a time: each costs 64 MiB, and guesses sent side by side would otherwise all be counted too late.

    Raises:
        TooManyAttempts: 5 failures of this name from this address in 15 minutes, or 50 of either.

    """
    with _CHECKING:
        return _verified(engine, normal(name), password, address, now)


def _verified(engine: Engine, name: str, password: Secret, address: str, now: datetime) -> User | None:
    _refuse_flood(engine, name, address, now)
    with transaction(engine) as connection:
        row = connection.execute(select(users).where(users.c.name == name)).first()
    right = _matches(row.password_hash if row else None, password)
    if row is not None and right:
        return of_row(row)
    _note_failure(engine, name, address, now)
    return None


def _unknown(name: str) -> ConfigurationError:
    return ConfigurationError(f"there is no user {name!r}; `mailweir users list` shows them")


def of_row(row: Any) -> User:
    """A user of a row of ``console_users``."""
    return User(row.id, row.name, row.role, row.password_hash is not None)


def normal(name: str) -> str:
    """The one form of all ways to write a name, in which it is kept. Raises ConfigurationError for what is none."""
    plain = normal_form.normal("NFC", name.strip().lower())
    if not plain or len(plain) > 100 or not plain.isprintable():
        raise ConfigurationError("a user's name has 1 to 100 printable characters")
    return plain


def _refuse_flood(engine: Engine, name: str, address: str, now: datetime) -> None:
    table = signin_failures.c
    by_name, by_address = table.name == name, table.address == address
    counts = select(
        func.count().filter(by_name & by_address), func.count().filter(by_name), func.count().filter(by_address)
    ).where(table.at > now - _WINDOW, or_(by_name, by_address))
    with transaction(engine) as connection:
        pair, named, addressed = connection.execute(counts).one()
    if pair >= _PER_PAIR or named >= _PER_NAME or addressed >= _PER_ADDRESS:
        raise TooManyAttempts("too many failed sign-ins: wait 15 minutes")


def _note_failure(engine: Engine, name: str, address: str, now: datetime) -> None:
    with transaction(engine) as connection:
        connection.execute(delete(signin_failures).where(signin_failures.c.at < now - _WINDOW))
        connection.execute(insert(signin_failures).values(at=now, name=name, address=address))


def _hashed(password: Secret) -> str:
    if len(password.reveal()) < LEAST_LENGTH:
        raise ConfigurationError(f"a password has at least {LEAST_LENGTH} characters")
    return PasswordHasher().hash(password.reveal())


def _matches(stored: str | None, password: Secret) -> bool:
    try:
        return PasswordHasher().verify(stored or _nobody(), password.reveal()) and stored is not None
    except VerificationError:
        return False


@cache
def _nobody() -> str:
    """A hash that nobody's password has, so that an unknown name costs the same time."""
    return PasswordHasher().hash("nobody has this password")
