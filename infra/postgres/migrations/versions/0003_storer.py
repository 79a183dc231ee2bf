"""Mail, places, attachments, objects, status, dead letters, audit."""

from alembic import op

revision = "0003_storer"
down_revision = "0002_poller"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE emails (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account_id TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    parser_version TEXT NOT NULL,
    size BIGINT NOT NULL,
    message_id TEXT,
    in_reply_to TEXT[] NOT NULL,
    reference_ids TEXT[] NOT NULL,
    thread_id BIGINT,
    subject TEXT,
    from_email TEXT,
    from_name TEXT,
    recipients TEXT[] NOT NULL,
    addresses JSONB NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    received_at TIMESTAMP WITH TIME ZONE,
    has_attachment BOOLEAN NOT NULL,
    preview TEXT NOT NULL,
    body_text TEXT,
    body_html TEXT,
    headers JSONB NOT NULL,
    structure JSONB NOT NULL,
    facts JSONB NOT NULL,
    defects TEXT[] NOT NULL,
    search TSVECTOR NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT emails_identity UNIQUE (account_id, content_sha256)
);

CREATE INDEX emails_by_date ON emails (account_id, received_at DESC);

CREATE INDEX emails_by_message_id ON emails (account_id, message_id);

CREATE INDEX emails_search ON emails USING gin (search);

CREATE TABLE email_places (
    folder_id TEXT NOT NULL,
    uidvalidity BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    folder TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    email_id BIGINT,
    internaldate TIMESTAMP WITH TIME ZONE,
    flags TEXT[] NOT NULL,
    labels TEXT[],
    visible BOOLEAN DEFAULT 'true' NOT NULL,
    sequence BIGINT DEFAULT '0' NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (folder_id, uidvalidity, uid),
    FOREIGN KEY(email_id) REFERENCES emails (id) ON DELETE CASCADE
);

CREATE INDEX email_places_by_content ON email_places (account_id, content_sha256);

CREATE INDEX email_places_by_email ON email_places (email_id);

CREATE TABLE place_states (
    folder_id TEXT NOT NULL,
    uidvalidity BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    flags TEXT[],
    labels TEXT[],
    visible BOOLEAN,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (folder_id, uidvalidity, uid)
);

CREATE TABLE attachments (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    email_id BIGINT NOT NULL,
    part_path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    name TEXT,
    safe_name TEXT NOT NULL,
    disposition TEXT,
    parent_part TEXT,
    PRIMARY KEY (id),
    CONSTRAINT attachments_identity UNIQUE (email_id, part_path),
    FOREIGN KEY(email_id) REFERENCES emails (id) ON DELETE CASCADE
);

CREATE INDEX attachments_by_content ON attachments (sha256);

CREATE TABLE objects (
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    size BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    detected_type TEXT,
    filed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (account_id, kind, sha256)
);

CREATE TABLE email_sync_status (
    account_id TEXT NOT NULL,
    folder_id TEXT NOT NULL,
    folder TEXT NOT NULL,
    wire TEXT NOT NULL,
    uidvalidity BIGINT NOT NULL,
    epoch INTEGER NOT NULL,
    server_count BIGINT NOT NULL,
    listed BIGINT NOT NULL,
    published BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    vanished BIGINT NOT NULL,
    missing BIGINT NOT NULL,
    last_pass TIMESTAMP WITH TIME ZONE NOT NULL,
    last_error TEXT,
    next_try TIMESTAMP WITH TIME ZONE,
    budget_left BIGINT,
    state TEXT DEFAULT 'active' NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (account_id, folder_id)
);

CREATE TABLE account_status (
    account_id TEXT NOT NULL,
    state TEXT NOT NULL,
    signin TEXT NOT NULL,
    detail TEXT NOT NULL,
    advice TEXT NOT NULL,
    next_try TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (account_id)
);

CREATE TABLE dead_letters (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    "offset" BIGINT NOT NULL,
    service TEXT NOT NULL,
    error TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    key BYTEA NOT NULL,
    value BYTEA,
    headers JSONB NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT dead_letters_identity UNIQUE (topic, partition, "offset", service)
);

CREATE TABLE audit_log (
    id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    service TEXT NOT NULL,
    account_id TEXT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    folder_id TEXT,
    folder TEXT,
    uidvalidity BIGINT,
    uids TEXT,
    octets BIGINT,
    detail TEXT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX audit_log_by_account ON audit_log (account_id, at);
"""
NAMES = ("attachments", "email_places", "emails", "place_states", "objects", "email_sync_status")
OTHERS = ("account_status", "dead_letters", "audit_log")


def upgrade() -> None:
    """Create the tables of ``services.storer.tables``."""
    op.execute(TABLES)


def downgrade() -> None:
    """Remove them."""
    for table in NAMES + OTHERS:
        op.drop_table(table)
