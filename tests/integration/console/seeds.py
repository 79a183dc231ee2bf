"""Rows as the services leave them, many at once."""

from sqlalchemy import Engine, text

from services.common.database import transaction

_SEEDS = (
    """INSERT INTO accounts (slug, host, port, tls, username, auth, provider, settings, state, version)
    SELECT slug, 'imap.example.org', 993, 'implicit', slug || '@example.org', 'auto', 'generic', '{}', 'active', 0
    FROM unnest(CAST(:slugs AS text[])) AS slug ON CONFLICT DO NOTHING""",
    """INSERT INTO folders (id, account, wire, name, state, uidvalidity, epoch, pass_at)
    SELECT slug || '/' || f, slug, convert_to('Folder ' || f, 'UTF8'), 'Folder ' || f, 'active', 1, 1, now()
    FROM unnest(CAST(:slugs AS text[])) AS slug, generate_series(1, :folders) AS f""",
    """INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published)
    SELECT id, 1, 1, int8multirange(int8range(1, :mail + 3)), int8multirange(int8range(1, :mail + 2))
    FROM folders WHERE account = ANY(:slugs)""",
    """INSERT INTO emails (account_id, content_sha256, parser_version, size, in_reply_to, reference_ids, recipients,
        addresses, has_attachment, preview, headers, structure, facts, defects, search, received_at)
    SELECT slug, md5(slug || m), '1', 1000, '{}', '{}', '{}', '[]', false, '', '[]', '{}', '{}', '{}', '',
        now() - m * interval '1 hour' FROM unnest(CAST(:slugs AS text[])) AS slug, generate_series(1, :mail) AS m""",
    """INSERT INTO objects (account_id, kind, sha256, bucket, key, size, content_type)
    SELECT account_id, 'message', content_sha256, 'mail', content_sha256, size, 'message/rfc822'
    FROM emails WHERE account_id = ANY(:slugs)""",
    """INSERT INTO email_places (folder_id, uidvalidity, uid, account_id, folder, content_sha256, email_id, flags)
    SELECT f.id, 1, row_number() OVER (PARTITION BY f.id ORDER BY e.id), f.account, f.name, e.content_sha256, e.id, '{}'
    FROM folders f JOIN emails e ON e.account_id = f.account WHERE f.account = ANY(:slugs)""",
)


def seed(engine: Engine, slugs: list[str], folders: int, mail: int) -> None:
    """Accounts whose folders hold ``mail`` stored messages each, one pending and one missing."""
    with transaction(engine) as connection:
        for statement in _SEEDS:
            connection.execute(text(statement), {"slugs": slugs, "folders": folders, "mail": mail})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
