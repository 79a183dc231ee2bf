"""Tables of the storer (docs/database.md). Revisions 0003 and 0005 of the migrations create them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from services.common.database import METADATA

_WHEN = DateTime(timezone=True)
_TEXTS = ARRAY(Text)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _now(name: str) -> Column[object]:
    return Column(name, _WHEN, nullable=False, server_default=func.now())


emails = Table(
    "emails",
    METADATA,
    _id(),
    Column("account_id", Text, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("parser_version", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("message_id", Text),
    Column("in_reply_to", _TEXTS, nullable=False),
    Column("reference_ids", _TEXTS, nullable=False),
    Column("thread_id", BigInteger),
    Column("subject", Text),
    Column("from_email", Text),
    Column("from_name", Text),
    Column("recipients", _TEXTS, nullable=False),
    Column("addresses", JSONB, nullable=False),
    Column("sent_at", _WHEN),
    Column("received_at", _WHEN),
    Column("has_attachment", Boolean, nullable=False),
    Column("preview", Text, nullable=False),
    Column("body_text", Text),
    Column("body_html", Text),
    Column("headers", JSONB, nullable=False),
    Column("structure", JSONB, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("defects", _TEXTS, nullable=False),
    Column("search", TSVECTOR, nullable=False),
    Column("stored_at", _WHEN, nullable=False, server_default=func.clock_timestamp()),
    UniqueConstraint("account_id", "content_sha256", name="emails_identity"),
    Index("emails_search", "search", postgresql_using="gin"),
    Index("emails_by_date", "account_id", text("received_at DESC")),
    Index("emails_by_message_id", "account_id", "message_id"),
    Index("emails_by_thread", "thread_id"),
    Index("emails_by_sender", "from_email"),
    Index("emails_by_received", text("received_at DESC NULLS LAST")),
)

thread_ids = Sequence("thread_ids", metadata=METADATA)

thread_refs = Table(
    "thread_refs",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("thread_id", BigInteger, nullable=False),
    Index("thread_refs_by_thread", "thread_id"),
)

email_places = Table(
    "email_places",
    METADATA,
    Column("folder_id", Text, primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("email_id", BigInteger, ForeignKey("emails.id", ondelete="CASCADE")),
    Column("internaldate", _WHEN),
    Column("flags", _TEXTS, nullable=False),
    Column("labels", _TEXTS),
    Column("visible", Boolean, nullable=False, server_default="true"),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    _now("stored_at"),
    Column("visible_sequence", BigInteger, nullable=False, server_default="0"),
    Index("email_places_by_content", "account_id", "content_sha256"),
    Index("email_places_by_email", "email_id"),
    Index("email_places_by_storing", "stored_at", postgresql_using="brin"),
)

place_states = Table(
    "place_states",
    METADATA,
    Column("folder_id", Text, primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("flags", _TEXTS),
    Column("labels", _TEXTS),
    Column("visible", Boolean),
    Column("sequence", BigInteger, nullable=False),
    Column("visible_sequence", BigInteger, nullable=False, server_default="0"),
)

attachments = Table(
    "attachments",
    METADATA,
    _id(),
    Column("email_id", BigInteger, ForeignKey("emails.id", ondelete="CASCADE"), nullable=False),
    Column("part_path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("name", Text),
    Column("safe_name", Text, nullable=False),
    Column("disposition", Text),
    Column("parent_part", Text),
    Column("account_id", Text, nullable=False),
    UniqueConstraint("email_id", "part_path", name="attachments_identity"),
    Index("attachments_by_content", "sha256"),
)

objects = Table(
    "objects",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("bucket", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("detected_type", Text),
    _now("filed_at"),
)

email_sync_status = Table(
    "email_sync_status",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("folder_id", Text, primary_key=True),
    Column("folder", Text, nullable=False),
    Column("wire", Text, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("server_count", BigInteger, nullable=False),
    Column("listed", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("vanished", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("last_pass", _WHEN, nullable=False),
    Column("last_error", Text),
    Column("next_try", _WHEN),
    Column("budget_left", BigInteger),
    Column("state", Text, nullable=False, server_default="active"),
    Column("sequence", BigInteger, nullable=False),
)

account_status = Table(
    "account_status",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("signin", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("advice", Text, nullable=False),
    Column("next_try", _WHEN),
    Column("expires_at", _WHEN),
    Column("sequence", BigInteger, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    METADATA,
    _id(),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("service", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", _WHEN, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary),
    Column("headers", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("account_id", Text),
    Column("folder_id", Text),
    Column("uidvalidity", BigInteger),
    Column("uid", BigInteger),
    Index("dead_letters_by_place", "folder_id", "uidvalidity", "uid"),
    UniqueConstraint("topic", "partition", "offset", "service", name="dead_letters_identity"),
)

audit_log = Table(
    "audit_log",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", _WHEN, nullable=False),
    Column("service", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("folder_id", Text),
    Column("folder", Text),
    Column("uidvalidity", BigInteger),
    Column("uids", Text),
    Column("octets", BigInteger),
    Column("detail", Text, nullable=False),
    Index("audit_log_by_account", "account_id", "at"),
    Index("audit_log_by_time", "at", "id"),
)

OWNED = (
    emails,
    thread_refs,
    email_places,
    place_states,
    attachments,
    objects,
    email_sync_status,
    account_status,
    dead_letters,
    audit_log,
)

DERIVED = frozenset(table.name for table in (emails, thread_refs, email_places, attachments, objects))
"""What ``mailweir repair`` rebuilds from the object store alone."""

REPORTED = frozenset(table.name for table in (email_sync_status, account_status))
"""What the poller tells again."""
