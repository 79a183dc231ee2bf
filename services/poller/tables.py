"""Tables of the poller: folders, their ledger, quarantine, leases, habits of servers. Revisions 0002 and 0007."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, LargeBinary, Table, Text, func
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB

from services.common.database import METADATA

_WHEN = DateTime(timezone=True)

folders = Table(
    "folders",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("wire", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("delimiter", Text),
    Column("special_use", Text),
    Column("mailboxid", Text),
    Column("state", Text, nullable=False),
    Column("uidvalidity", BigInteger),
    Column("epoch", Integer, nullable=False, server_default="1"),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Column("uidnext_done", BigInteger),
    Column("modseq_done", BigInteger),
    Column("server_count", BigInteger),
    Column("full_pass_at", _WHEN),
    Column("pass_at", _WHEN),
    Column("absent_since", _WHEN),
    Column("last_error", Text),
    Column("samples", JSONB, nullable=False, server_default="{}"),
    Column("epoch_changes", JSONB, nullable=False, server_default="[]"),
    Column("created_at", _WHEN, nullable=False, server_default=func.now()),
)

folder_ledger = Table(
    "folder_ledger",
    METADATA,
    Column("folder_id", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("listed", INT8MULTIRANGE, nullable=False, server_default="{}"),
    Column("published", INT8MULTIRANGE, nullable=False, server_default="{}"),
    Column("vanished", INT8MULTIRANGE, nullable=False, server_default="{}"),
    Column("invisible", INT8MULTIRANGE, nullable=False, server_default="{}"),
    Column("invisible_since", _WHEN),
    Column("flags", JSONB, nullable=False, server_default="{}"),
)

quarantine = Table(
    "quarantine",
    METADATA,
    Column("folder_id", Text, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("since", _WHEN, nullable=False, server_default=func.now()),
    Column("next_try", _WHEN),
)

leases = Table(
    "leases",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", _WHEN, nullable=False),
)

traffic = Table(
    "traffic",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("octets", BigInteger, nullable=False),
)

server_habits = Table(
    "server_habits",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("habit", Text, primary_key=True),
    Column("noticed_at", _WHEN, nullable=False),
)
