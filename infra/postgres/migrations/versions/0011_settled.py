"""Places known to be stored, so that pages need not look at every message again (ADR 0018)."""

from alembic import op

revision = "0011_settled"
down_revision = "0010_compression"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE settled_places (
    folder_id TEXT NOT NULL,
    uidvalidity BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    since BIGINT NOT NULL,
    settled INT8MULTIRANGE NOT NULL,
    PRIMARY KEY (folder_id, uidvalidity)
);

CREATE TABLE unsettled (
    account_id TEXT NOT NULL,
    by_transaction BIGINT NOT NULL,
    PRIMARY KEY (account_id)
);
"""
FUNCTIONS = """
CREATE FUNCTION unsettle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO unsettled VALUES (OLD.account_id, txid_current()) ON CONFLICT (account_id)
    DO UPDATE SET by_transaction = excluded.by_transaction WHERE unsettled.by_transaction <> excluded.by_transaction;
    RETURN NULL;
END $$;

CREATE FUNCTION unsettle_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM settled_places;
    INSERT INTO unsettled SELECT DISTINCT account, txid_current() FROM folders ON CONFLICT (account_id)
    DO UPDATE SET by_transaction = excluded.by_transaction WHERE unsettled.by_transaction <> excluded.by_transaction;
    RETURN NULL;
END $$;
"""
# All that can take "stored" back. Attachments come with their message only: new ones by a newer parser change emails.
TRIGGERS = """
CREATE TRIGGER unsettled AFTER DELETE OR UPDATE ON objects FOR EACH ROW EXECUTE FUNCTION unsettle();
CREATE TRIGGER unsettled AFTER DELETE OR UPDATE OF folder_id, uidvalidity, uid, account_id, content_sha256, email_id
    ON email_places FOR EACH ROW WHEN (OLD.email_id IS NOT NULL) EXECUTE FUNCTION unsettle();
CREATE TRIGGER unsettled AFTER UPDATE OF parser_version ON emails FOR EACH ROW EXECUTE FUNCTION unsettle();
CREATE TRIGGER unsettled AFTER UPDATE ON attachments FOR EACH ROW EXECUTE FUNCTION unsettle();
CREATE TRIGGER unsettled_all AFTER TRUNCATE ON objects EXECUTE FUNCTION unsettle_all();
CREATE TRIGGER unsettled_all AFTER TRUNCATE ON email_places EXECUTE FUNCTION unsettle_all();
"""


def upgrade() -> None:
    """Nothing is settled at first; the first look at an account finds out."""
    op.execute(TABLES + FUNCTIONS + TRIGGERS)


def downgrade() -> None:
    """Without them pages are slower, not different."""
    op.execute("DROP FUNCTION unsettle() CASCADE; DROP FUNCTION unsettle_all() CASCADE")
    op.execute("DROP TABLE settled_places, unsettled")
