"""COPY into a staging table, then INSERT ... SELECT ... ON CONFLICT: measured 8-14 k rows/s, row by row 0.5 k.

Short rows need no staging table: they stand in the statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import msgspec

from services.storer.copying import Row, Value, octets_of

Cursor = Any
# A row is only passed on here: its long values are neither compressed nor, as long as it fits a page, moved out.
_TABLE = """IF to_regclass('pg_temp.{name}') IS NULL THEN EXECUTE $made$
CREATE TEMP TABLE {name} ({columns}) WITH (toast_tuple_target = 8160) ON COMMIT DELETE ROWS;
ALTER TABLE {name} {plain} $made$; END IF;"""
_OF_FIXED_LENGTH = {"bigint", "int", "boolean", "timestamptz"}
_COPY_OCTETS = 1 << 20  # psycopg2 takes the interpreter lock for each piece; its 8 kB wait for it a hundred times


@dataclass(frozen=True, slots=True)
class Stage:
    """A staging table of one connection: its name, its columns with types, the statement that merges it."""

    name: str
    columns: str
    merge: str


@dataclass(frozen=True, slots=True)
class Listed:
    """Short rows that stand in the statement as JSON: its columns with types, and the statement.

    Measured: 100 rows cost a third less CPU than by a staging table. At the COMMIT of a transaction that uses one, the
    server empties every staging table of the connection, for 0.2 ms each.
    """

    columns: str
    merge: str


def load(cursor: Cursor, *filled: tuple[Stage, bytes]) -> None:
    """Create staging tables once per connection and fill them; they are emptied at the end of the transaction.

    All are created by one statement: an answer of the server is waited for, and then the interpreter lock.
    """
    cursor.execute(f"DO $$BEGIN {' '.join(_created(stage) for stage, _ in filled)} END$$")
    for stage, rows in filled:
        if rows:
            cursor.copy_expert(f"COPY {stage.name} FROM STDIN", BytesIO(rows), _COPY_OCTETS)


def _created(stage: Stage) -> str:
    long = [name for name, kind in map(str.split, stage.columns.split(",")) if kind not in _OF_FIXED_LENGTH]
    plain = ", ".join(f"ALTER COLUMN {name} SET STORAGE EXTERNAL" for name in long)
    return _TABLE.format(name=stage.name, columns=stage.columns, plain=plain)


def merge_listed(cursor: Cursor, listed: Listed, rows: Sequence[Row]) -> None:
    """Merge short rows by one statement. Raises ``ValueError`` for text that is no Unicode (a lone surrogate)."""
    if rows:
        names = _names(listed.columns)
        document = [dict(zip(names, map(_without_nul, row), strict=True)) for row in rows]
        cursor.execute(listed.merge, (msgspec.json.encode(document).decode(),))


def _without_nul(value: Value) -> Value:
    return value.replace("\x00", "") if isinstance(value, str) else value


def _names(columns: str) -> tuple[str, ...]:
    return tuple(column.split()[0] for column in columns.split(","))


def columns(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Pairs as the two arrays that ``unnest`` takes."""
    return [first for first, _ in pairs], [second for _, second in pairs]


def merge(cursor: Cursor, stage: Stage, rows: Sequence[Row]) -> None:
    """Load and merge. An empty batch costs nothing."""
    if rows:
        load(cursor, (stage, octets_of(rows)))
        cursor.execute(stage.merge)


_EMAIL = """account_id text, content_sha256 text, parser_version text, size bigint, message_id text, in_reply_to text[],
reference_ids text[], subject text, from_email text, from_name text, recipients text[],
addresses jsonb, sent_at timestamptz, received_at timestamptz, has_attachment boolean, preview text,
body_text text, body_html text, headers jsonb, structure jsonb, facts jsonb, defects text[]"""
EMAIL_NAMES = _names(_EMAIL)
_RENEWED = ", ".join(f"{name} = excluded.{name}" for name in (*EMAIL_NAMES[2:], "search", "thread_id"))

EMAILS = Stage(
    "stage_emails",
    f"{_EMAIL}, searched tsvector",
    f"""INSERT INTO emails ({", ".join(EMAIL_NAMES)}, search, thread_id)
SELECT {", ".join(f"s.{name}" for name in EMAIL_NAMES)}, s.searched, t.thread_id FROM stage_emails s
JOIN unnest(%s::text[], %s::text[], %s::bigint[]) AS t (account_id, content_sha256, thread_id)
USING (account_id, content_sha256) ORDER BY s.account_id, s.content_sha256
ON CONFLICT (account_id, content_sha256) DO UPDATE SET {_RENEWED}
WHERE string_to_array(emails.parser_version, '.')::int[] < string_to_array(excluded.parser_version, '.')::int[]
RETURNING id""",
)

ATTACHMENTS = Stage(
    "stage_attachments",
    """account_id text, content_sha256 text, part_path text, sha256 text, size bigint, content_type text, name text,
safe_name text, disposition text, parent_part text""",
    """INSERT INTO attachments
(email_id, account_id, part_path, sha256, size, content_type, name, safe_name, disposition, parent_part)
SELECT e.id, e.account_id, s.part_path, s.sha256, s.size, s.content_type, s.name, s.safe_name, s.disposition,
s.parent_part FROM stage_attachments s JOIN emails e USING (account_id, content_sha256) WHERE e.id = ANY(%s)
ON CONFLICT (email_id, part_path) DO NOTHING""",
)

# Who changes places that are there must not miss one that is being stored: its flags would be kept for a message that
# has come. So who stores shares the locks of a folder (its name) and of its epoch (flags), and who changes has one
# alone; all take several in one order. An epoch that is closed, which takes its time, holds up none of the next.
_OF_FOLDERS = 0x4D46
ALONE = f"""SELECT pg_advisory_xact_lock({_OF_FOLDERS}, lock)
FROM (SELECT DISTINCT hashtext(name) AS lock FROM unnest(%s::text[]) AS name ORDER BY 1) AS locks"""
_TOGETHER = f"""SELECT pg_advisory_xact_lock_shared({_OF_FOLDERS}, lock) FROM (
    SELECT DISTINCT hashtext(name) AS lock FROM stage_places,
    unnest(ARRAY[folder_id, folder_id || '/' || uidvalidity]) AS name ORDER BY 1
) AS locks"""

# Flags and labels are told together, and visibility by itself: each follows the last event about it, so flags that are
# told again after a newer vanishing still count.
_ORDERED_BY = {"flags": "sequence", "labels": "sequence", "visible": "visible_sequence"}
_ORDERS = tuple(dict.fromkeys(_ORDERED_BY.values()))


def followed(old: str, new: str) -> str:
    """The SET of an UPDATE by which the row ``old`` follows ``new`` in what is newer there."""
    values = [
        f"{name} = CASE WHEN {new}.{by} > {old}.{by} THEN coalesce({new}.{name}, {old}.{name}) ELSE {old}.{name} END"
        for name, by in _ORDERED_BY.items()
    ]
    return ", ".join([*values, *(f"{by} = greatest({old}.{by}, {new}.{by})" for by in _ORDERS)])


def follows(old: str, new: str) -> str:
    """Whether anything is newer in the row ``new``."""
    return " OR ".join(f"{new}.{by} > {old}.{by}" for by in _ORDERS)


# A row that a repair made of an object has no flags, and nobody told any since: who fetched it again knows them.
_UNTOLD = "email_places.sequence = 0 AND email_places.flags = '{}' AND excluded.flags <> '{}'"

PLACES = Stage(
    "stage_places",
    """folder_id text, uidvalidity bigint, uid bigint, account_id text, folder text, content_sha256 text,
internaldate timestamptz, flags text[]""",
    f"""{_TOGETHER};
INSERT INTO email_places
(folder_id, uidvalidity, uid, account_id, folder, content_sha256, internaldate, flags, email_id)
SELECT s.folder_id, s.uidvalidity, s.uid, s.account_id, coalesce(
(SELECT r.folder FROM email_sync_status r WHERE (r.account_id, r.folder_id) = (s.account_id, s.folder_id)), s.folder),
s.content_sha256, s.internaldate, s.flags,
(SELECT e.id FROM emails e WHERE e.account_id = s.account_id AND e.content_sha256 = s.content_sha256)
FROM stage_places s ON CONFLICT (folder_id, uidvalidity, uid) DO UPDATE
SET email_id = excluded.email_id, content_sha256 = excluded.content_sha256,
flags = CASE WHEN {_UNTOLD} THEN excluded.flags ELSE email_places.flags END
WHERE email_places.email_id IS DISTINCT FROM excluded.email_id OR {_UNTOLD};
UPDATE email_places p SET email_id = e.id FROM stage_places s JOIN emails e USING (account_id, content_sha256)
WHERE p.email_id IS NULL AND p.account_id = s.account_id AND p.content_sha256 = s.content_sha256;
WITH early AS (DELETE FROM place_states t USING stage_places s
WHERE (t.folder_id, t.uidvalidity, t.uid) = (s.folder_id, s.uidvalidity, s.uid) RETURNING t.*)
UPDATE email_places p SET {followed("p", "t")} FROM early t
WHERE (t.folder_id, t.uidvalidity, t.uid) = (p.folder_id, p.uidvalidity, p.uid)""",
)

_OBJECT = """account_id text, kind text, sha256 text, bucket text, key text, size bigint, content_type text,
detected_type text"""
OBJECTS = Listed(
    _OBJECT,
    f"""INSERT INTO objects ({", ".join(_names(_OBJECT))})
SELECT DISTINCT ON (account_id, kind, sha256) * FROM json_to_recordset(%s) AS filed ({_OBJECT})
ORDER BY account_id, kind, sha256 ON CONFLICT (account_id, kind, sha256) DO NOTHING""",
)

_AUDIT = """id text, at timestamptz, service text, account_id text, action text, outcome text, folder_id text,
folder text, uidvalidity bigint, uids text, octets bigint, detail text"""
AUDIT = Listed(
    _AUDIT,
    f"""INSERT INTO audit_log ({", ".join(_names(_AUDIT))})
SELECT * FROM json_to_recordset(%s) AS audited ({_AUDIT}) ON CONFLICT (id) DO NOTHING""",
)

# A topic that is made anew begins at offset 0 again. The letter of its predecessor is kept then, at an offset below 0.
_SAME_LETTER = """(d.topic, d."partition", d.service) = (s.topic, s."partition", s.service)"""
_SAME_BYTES = "d.key = s.key AND d.value IS NOT DISTINCT FROM s.value"
DEAD_LETTERS = Stage(
    "stage_dead_letters",
    """topic text, "partition" int, "offset" bigint, service text, error text, reason text, at timestamptz, key bytea,
value bytea, headers jsonb, account_id text, folder_id text, uidvalidity bigint, uid bigint""",
    f"""DELETE FROM stage_dead_letters s USING dead_letters d
WHERE {_SAME_LETTER} AND d."offset" < 0 AND d.at = s.at AND {_SAME_BYTES};
UPDATE dead_letters d SET "offset" = -d.id FROM stage_dead_letters s
WHERE {_SAME_LETTER} AND d."offset" = s."offset" AND NOT ({_SAME_BYTES});
INSERT INTO dead_letters (topic, "partition", "offset", service, error, reason, at, key, value, headers,
account_id, folder_id, uidvalidity, uid)
SELECT * FROM stage_dead_letters ON CONFLICT ON CONSTRAINT dead_letters_identity
DO UPDATE SET state = 'open', at = excluded.at, error = excluded.error, reason = excluded.reason
WHERE dead_letters.state <> 'dropped' AND excluded.at > dead_letters.at""",
)
