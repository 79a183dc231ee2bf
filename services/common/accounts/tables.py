"""Tables of accounts and their secrets (docs/database.md). Revision 0001 of the migrations creates them."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.common.database import METADATA

_WHEN = DateTime(timezone=True)


def _account() -> Column[str]:
    return Column("account", Text, ForeignKey("accounts.slug", ondelete="CASCADE"), primary_key=True)


accounts = Table(
    "accounts",
    METADATA,
    Column("slug", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("tls", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("ca_file", Text),
    Column("provider", Text, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", _WHEN, nullable=False, server_default=func.now()),
    Column("changed_at", _WHEN, nullable=False, server_default=func.now()),
)

account_keys = Table(
    "account_keys",
    METADATA,
    _account(),
    Column("data_key_id", Text, primary_key=True),
    Column("master_key_id", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("created_at", _WHEN, nullable=False, server_default=func.now()),
)

account_secrets = Table(
    "account_secrets",
    METADATA,
    _account(),
    Column("field", Text, primary_key=True),
    Column("data_key_id", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("changed_at", _WHEN, nullable=False, server_default=func.now()),
    Column("expires_at", _WHEN),
)

account_grants = Table(
    "account_grants",
    METADATA,
    _account(),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("next_try", _WHEN),
    Column("renewed_at", _WHEN),
    Column("dies_at", _WHEN),
    Column("clock_skew", Integer, nullable=False, server_default="0"),
)

account_changes = Table(
    "account_changes",
    METADATA,
    Column("id", SmallInteger, primary_key=True),
    Column("marker", BigInteger, nullable=False),
)
