"""Rows that are lost while those of their messages stayed: of attachments, and of the ids that threads are known by.

``lacking`` is a temporary table of the bench of a repair: the messages whose attachments have no rows.
"""

from sqlalchemy import Connection, text

from services.storer.threads import INDEXED_OCTETS

_OF = "(CAST(:account AS text) IS NULL OR e.account_id = :account)"
# A part with a name for its file has a row, unless it was read as text of the message. Of more texts than are read the
# last ones look like files.
_FIND = text(
    f"""INSERT INTO lacking SELECT e.id FROM emails e WHERE {_OF} AND 'limit.texts' <> ALL(e.defects)
AND EXISTS (SELECT FROM jsonb_each(e.facts -> 'parts') AS part (path, known)
WHERE known ->> 'safeName' IS NOT NULL AND known ->> 'usedCharset' IS NULL
AND NOT EXISTS (SELECT FROM attachments a WHERE (a.email_id, a.part_path) = (e.id, path)))"""  # noqa: S608 (a constant of ours)
)
_OUTDATE = text("UPDATE emails SET parser_version = '0' WHERE id IN (SELECT email_id FROM lacking)")
# The ids of ``services.storer.threads.refs``, but for others' that it cuts: no column has those as they are cut.
_UNTHREADED = f"""SELECT e.account_id, named.id, e.thread_id FROM emails e CROSS JOIN LATERAL (VALUES (e.message_id),
(e.reference_ids[1]), (e.reference_ids[cardinality(e.reference_ids)]), (e.in_reply_to[1])) AS named (id)
WHERE {_OF} AND e.thread_id IS NOT NULL AND octet_length(named.id) BETWEEN 1 AND {INDEXED_OCTETS}
AND NOT EXISTS (SELECT FROM thread_refs r WHERE (r.account_id, r.message_id) = (e.account_id, named.id))"""  # noqa: S608 (as above)
_COUNT = text(f"SELECT count(DISTINCT (account_id, id)) FROM ({_UNTHREADED}) AS named")  # noqa: S608 (as above)
_PUT_BACK = text(
    f"INSERT INTO thread_refs (account_id, message_id, thread_id) {_UNTHREADED} ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING"
)


def find(bench: Connection, account: str | None) -> None:
    """Note in ``lacking`` the messages of an account, or of all, that have fewer rows of attachments than files."""
    bench.execute(_FIND, {"account": account})


def outdate(bench: Connection) -> None:
    """Let the next event of these write all of their rows: of the same parser version it would write none."""
    bench.execute(_OUTDATE)


def unthreaded(bench: Connection, account: str | None) -> int:
    """How many ids of messages that have a thread are known no more: what names one would begin a thread of its own."""
    return int(bench.execute(_COUNT, {"account": account}).scalar_one())


def thread(bench: Connection, account: str | None) -> None:
    """Make them known again, by the threads of their messages."""
    bench.execute(_PUT_BACK, {"account": account})
