"""Tables of the console: users, their accounts, sessions, sign-in attempts (revision 0006), and erasures (0013)."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, LargeBinary, Table, Text, func

from services.common.accounts.tables import accounts
from services.common.database import METADATA

_WHEN = DateTime(timezone=True)

users = Table(
    "console_users",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("role", Text, nullable=False),
    Column("created_at", _WHEN, nullable=False, server_default=func.now()),
)

account_owners = Table(
    "account_owners",
    METADATA,
    Column("user_id", BigInteger, ForeignKey(users.c.id, ondelete="CASCADE"), primary_key=True),
    Column("account", Text, ForeignKey(accounts.c.slug, ondelete="CASCADE"), primary_key=True),
)

sessions = Table(
    "console_sessions",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user_id", BigInteger, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", _WHEN, nullable=False),
    Column("seen_at", _WHEN, nullable=False),
    Column("proved_at", _WHEN, nullable=False),
    Column("expires_at", _WHEN, nullable=False),
)

erasures = Table(
    "console_erasures",
    METADATA,
    Column("account", Text, ForeignKey(accounts.c.slug, ondelete="CASCADE"), primary_key=True),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", _WHEN, nullable=False),
    Column("tried_at", _WHEN),
    Column("problem", Text, nullable=False, server_default=""),
)

signin_failures = Table(
    "console_signin_failures",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", _WHEN, nullable=False),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
)
