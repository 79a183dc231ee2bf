"""Local users of the console: names, argon2id hashes, roles, and which accounts are theirs. All calls block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from threading import BoundedSemaphore
from typing import Any, Literal

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Engine, delete, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.common import normal_form
from services.common.accounts_tables import accounts
from services.common.database import transaction
from services.common.errors import ConfigurationError, MailweirError
from services.common.secret import Secret
from services.console.tables import account_owners, sessions, signin_failures, users

Role = Literal["admin", "user"]
LEAST_LENGTH = 10
_WINDOW = timedelta(minutes=15)
_CHECKING = BoundedSemaphore(2)
_PER_PAIR, _PER_NAME, _PER_ADDRESS = 5, 50, 50


_LEFT_BY_ANOTHER = text("""
SELECT (EXISTS (SELECT FROM folders WHERE account = :slug) OR EXISTS (SELECT FROM emails WHERE account_id = :slug))
AND (SELECT detail FROM audit_log WHERE account_id = :slug AND service = 'console'
     AND action IN ('console-add', 'console-remove') ORDER BY at DESC LIMIT 1) IS DISTINCT FROM :removed
""")


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


def own(engine: Engine, user: User, slug: str) -> None:
    """Make an account this user's."""
    with transaction(engine) as connection:
        connection.execute(insert(account_owners).values(user_id=user.id, account=slug).on_conflict_do_nothing())


def disown(engine: Engine, user: User, slug: str) -> None:
    """Take an account from this user."""
    mine = (account_owners.c.user_id == user.id) & (account_owners.c.account == slug)
    with transaction(engine) as connection:
        connection.execute(delete(account_owners).where(mine))


def own_exactly(engine: Engine, user: User, slugs: Sequence[str]) -> None:
    """Make these accounts this user's and no others; a name without an account counts for nothing."""
    wanted = select(literal(user.id), accounts.c.slug).where(accounts.c.slug.in_(slugs))
    with transaction(engine) as connection:
        connection.execute(delete(account_owners).where(account_owners.c.user_id == user.id))
        connection.execute(insert(account_owners).from_select(["user_id", "account"], wanted))


def may_see(engine: Engine, user: User, slug: str) -> bool:
    """Whether an account exists and is this user's; an admin sees all."""
    return slug in visible(engine, user)


def is_anothers(engine: Engine, user: User, slug: str) -> bool:
    """Whether an account of this name left mail behind that this user did not see: not the one who removed it last."""
    values = {"slug": slug, "removed": f"by {user.name}: removed"}
    with transaction(engine) as connection:
        return bool(connection.execute(_LEFT_BY_ANOTHER, values).scalar())


def visible(engine: Engine, user: User) -> Sequence[str]:
    """Slugs of the accounts that a user sees, by name."""
    query = select(accounts.c.slug).order_by(accounts.c.slug)
    if not user.is_admin:
        query = query.join(account_owners, account_owners.c.account == accounts.c.slug)
        query = query.where(account_owners.c.user_id == user.id)
    with transaction(engine) as connection:
        return connection.execute(query).scalars().all()


def owned(engine: Engine) -> Mapping[int, Sequence[str]]:
    """The slugs that were given to each user, by name."""
    found: dict[int, list[str]] = {}
    with transaction(engine) as connection:
        for row in connection.execute(select(account_owners).order_by(account_owners.c.account)):
            found.setdefault(row.user_id, []).append(row.account)
    return found


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
