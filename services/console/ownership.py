"""Which accounts are whose: what a user sees, and what becomes theirs. All calls block."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, delete, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from services.common.accounts.tables import accounts
from services.common.database import transaction
from services.console.tables import account_owners
from services.console.users import User

_LEFT_BY_ANOTHER = text("""
SELECT (EXISTS (SELECT FROM folders WHERE account = :slug) OR EXISTS (SELECT FROM emails WHERE account_id = :slug))
AND (SELECT detail FROM audit_log WHERE account_id = :slug AND service = 'console'
     AND action IN ('console-add', 'console-remove') ORDER BY at DESC LIMIT 1) IS DISTINCT FROM :removed
""")


def visible(engine: Engine, user: User) -> Sequence[str]:
    """Slugs of the accounts that a user sees, by name."""
    query = select(accounts.c.slug).order_by(accounts.c.slug)
    if not user.is_admin:
        query = query.join(account_owners, account_owners.c.account == accounts.c.slug)
        query = query.where(account_owners.c.user_id == user.id)
    with transaction(engine) as connection:
        return connection.execute(query).scalars().all()


def may_see(engine: Engine, user: User, slug: str) -> bool:
    """Whether an account exists and is this user's; an admin sees all."""
    return slug in visible(engine, user)


def owned(engine: Engine) -> Mapping[int, Sequence[str]]:
    """The slugs that were given to each user, by name."""
    found: dict[int, list[str]] = {}
    with transaction(engine) as connection:
        for row in connection.execute(select(account_owners).order_by(account_owners.c.account)):
            found.setdefault(row.user_id, []).append(row.account)
    return found


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


def is_anothers(engine: Engine, user: User, slug: str) -> bool:
    """Whether an account of this name left mail behind that this user did not see: not the one who removed it last."""
    values = {"slug": slug, "removed": f"by {user.name}: removed"}
    with transaction(engine) as connection:
        return bool(connection.execute(_LEFT_BY_ANOTHER, values).scalar())
