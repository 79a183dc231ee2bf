"""Look-ups while a mailbox is stored for the first time: tables grow and have no statistics yet."""

from msgspec.structs import replace
from sqlalchemy import text

from services.common import topics
from services.common.events import EmailParsed
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
