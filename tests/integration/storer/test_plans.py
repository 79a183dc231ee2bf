"""Look-ups while a mailbox is stored for the first time: tables grow and have no statistics yet."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace
from sqlalchemy import Engine, event, text

from services.common import lookup, topics
from services.common.events import EmailParsed
from services.common.message.search_text import query_of
from services.storer import merging, rows, thread_rows
from services.storer.copying import octets_of
from tests.fakes.mail_events import message, parsed
from tests.integration.storer.conftest import Storer

MAILS = 1_000


async def mails() -> list[EmailParsed]:
    template, _ = await parsed(message(Message_ID="<a@x>").as_bytes())
    return [
        replace(
            template,
            place=replace(template.place, uid=uid),
            contentsha256=f"{uid:064}",
            email=replace(template.email, message_id=(f"m{uid}@x",)),
        )
        for uid in range(1, MAILS + 1)
    ]


async def test_no_look_up_reads_a_whole_table(storer: Storer) -> None:
    events = await mails()
    assert not await storer.take(topics.MAIL_PARSED, events)
    places = octets_of([rows.place_row(event) for event in events[:100]])
    named = merging.columns([("work", f"m{uid}@x") for uid in range(100)])
    with storer.engine.connect() as connection:
        cursor = connection.connection.cursor()
        merging.load(cursor, (merging.PLACES, places))
        for statement, values in ((merging.PLACES.merge.split(";")[1], ()), (thread_rows.KNOWN, named)):
            cursor.execute(f"EXPLAIN {statement}", values)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Index" in plan
            assert "Seq Scan on emails" not in plan
            assert "Seq Scan on thread_refs" not in plan


def test_completeness_does_not_look_through_all_incomplete_messages_for_each_place(storer: Storer) -> None:
    """The planner does so when it holds them for too many to be kept in memory."""
    with storer.engine.connect() as connection:
        plan = "\n".join(connection.execute(text("EXPLAIN SELECT * FROM completeness")).scalars())
    assert "Anti Join" in plan
    assert "SubPlan" not in plan


MANY = 10_000
_MANY = text(
    """INSERT INTO emails (account_id, content_sha256, parser_version, size, in_reply_to, reference_ids, recipients,
addresses, received_at, has_attachment, preview, headers, structure, facts, defects, search)
SELECT 'work', n::text, '1', 1, '{}', '{}', '{}', '{}', timestamptz '2020-01-01' + n * interval '1 min', false, '',
'[]', '{}', '{}', '{}', to_tsvector('simple', 'often rare' || n / 7 || CASE WHEN n <= :old THEN ' old' ELSE '' END ||
(SELECT string_agg(' usual' || n * k % 1500, '') FROM generate_series(1, 20) k)) FROM generate_series(1, :many) n"""
)
SEARCHES = {"often": (21, 0), "nowhere": (0, 0), "rare1234": (7, 7), "often rare1234": (7, 7), "old": (21, MANY // 2)}


def test_a_search_reads_the_newest_messages_and_what_the_index_names(storer: Storer) -> None:
    """A planner that expects more hits than there are reads the words of every message, newest first."""
    with storer.engine.begin() as connection:
        connection.execute(_MANY, {"many": MANY, "old": MANY // 2})
        connection.execute(text("ANALYZE emails"))
    for words, (found, named) in SEARCHES.items():
        with read_rows(storer.engine) as rows:
            assert len(lookup.search(storer.engine, lookup.Choice(query=query_of(words)), 21)) == found
        assert sum(rows) <= 2 * (lookup._WINDOW + named) + 100, words


@contextmanager
def read_rows(engine: Engine) -> Iterator[list[int]]:
    """How many rows of messages each plan of these statements reads, those that it leaves out included."""
    rows: list[int] = []

    def explained(_connection: object, cursor: object, statement: str, values: object, *_: object) -> None:
        if statement.startswith(("SELECT", "WITH")):
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING off) {statement}", values)  # type: ignore[attr-defined]
            plan = "\n".join(line for (line,) in cursor.fetchall())  # type: ignore[attr-defined]
            scans = re.findall(r"Scan.* on emails.*actual rows=(\d+)", plan)
            rows.extend(map(int, [*scans, *re.findall(r"Rows Removed by (?:Filter|Index Recheck): (\d+)", plan)]))

    event.listen(engine, "before_cursor_execute", explained)
    try:
        yield rows
    finally:
        event.remove(engine, "before_cursor_execute", explained)
