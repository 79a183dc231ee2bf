"""What docs/database.md says, on a real Postgres: its columns, its statements, its way to poll."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from services.common import topics
from services.common.email import EmailAddress, MailweirFacts
from services.storer import tables
from tests.fakes.mail_events import message, parsed, with_file
from tests.integration.storer.conftest import Storer

PAGE = (Path(__file__).parents[3] / "docs" / "database.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
STATEMENTS = [each.strip() for each in chain.from_iterable(block.split(";\n") for block in BLOCKS) if each.strip()]
POLL = next(each for each in STATEMENTS if ":after" in each)


async def test_the_role_that_is_made_may_run_every_other_statement_and_sees_no_secret(storer: Storer) -> None:
    mail, _ = await parsed(with_file(message("合同"), b"%PDF-1", "invoice.pdf").as_bytes())
    await storer.take(topics.MAIL_PARSED, [mail])
    ((row, thread),) = storer.rows("SELECT id, thread_id FROM emails")
    values = {"after": 0, "id": row, "thread": thread, "sender": "ada@example.org"}
    with storer.engine.connect() as connection:
        for statement in sorted(STATEMENTS, key=lambda each: not each.startswith(("CREATE", "GRANT"))):
            named = {name: values[name] for name in re.findall(r"(?<![:\w]):([a-z]+)", statement)}
            found = connection.execute(text(statement), named)
            assert not found.returns_rows or found.all() or "completeness" in statement or "JOIN objects" in statement
            if statement.startswith("CREATE SCHEMA"):
                connection.execute(text("SET LOCAL ROLE classifier"))
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text("SELECT * FROM account_secrets"))


async def test_mail_of_a_sender_is_found_without_a_look_at_all_mail(storer: Storer) -> None:
    template, _ = await parsed(message().as_bytes())
    mails = [
        replace(
            template,
            contentsha256=f"{number:064}",
            email=replace(template.email, from_=(EmailAddress(name=None, email=f"s{number}@x"),)),
        )
        for number in range(500)
    ]
    await storer.take(topics.MAIL_PARSED, mails)
    with storer.engine.begin() as connection:
        connection.execute(text("ANALYZE emails"))
        (asked,) = (each for each in STATEMENTS if ":sender" in each)
        plan = "\n".join(connection.execute(text(f"EXPLAIN {asked}"), {"sender": "s7@x"}).scalars())
    assert "emails_by_sender" in plan


def test_each_table_is_named(migrated: Engine) -> None:
    section = PAGE.partition("## Tables")[2].partition("\n## ")[0]
    made = set(inspect(migrated).get_table_names()) - {"alembic_version"}
    assert made == set(_named(section))


def test_each_column_that_programs_read_is_explained() -> None:
    for table in (tables.emails, tables.email_places):
        section = PAGE.partition(f"| `{table.name}` | is |\n")[2].partition("\n\n")[0]
        assert set(_named(section)) == {column.name for column in table.columns}
    files = PAGE.partition("| `attachments`, `objects` | is |\n")[2].partition("\n\n")[0]
    both = set(tables.attachments.columns.keys()) | set(tables.objects.columns.keys())
    assert set(_named(files)) == both - {"id", "account_id"}


def _named(rows: str) -> Iterator[str]:
    for line in (each for each in rows.splitlines() if each.startswith("| `")):
        yield from (name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", line.split("|")[1]))


async def test_facts_have_the_names_of_the_contract(storer: Storer) -> None:
    mail, _ = await parsed(message().as_bytes())
    await storer.take(topics.MAIL_PARSED, [mail])
    (facts,) = storer.rows("SELECT facts FROM emails")[0]
    assert set(facts) == {field.encode_name for field in msgspec.structs.fields(MailweirFacts)}
    assert facts["parserVersion"] == mail.email.mailweir.parser_version
    assert (facts["place"], facts["derivedText"]) == (None, None)


async def test_a_poll_as_written_gives_a_whole_import_and_what_was_committed_late(storer: Storer) -> None:
    template, _ = await parsed(message().as_bytes())
    mails = [
        replace(template, place=replace(template.place, uid=uid), contentsha256=f"{uid:064}") for uid in range(1, 1203)
    ]
    await storer.take(topics.MAIL_PARSED, mails[:-1])
    with storer.engine.connect() as late:
        late.execute(text(_COPY))
        await storer.take(topics.MAIL_PARSED, mails[-1:])
        seen, settled = _look(storer, 0)
        assert (len(seen), settled) == (len(mails), 0)
        late.commit()
    assert len(_look(storer, settled)[0] - seen) == 1
    with storer.engine.begin() as connection:
        connection.execute(text("UPDATE emails SET stored_at = now() - interval '10 minutes'"))
    ids, settled = _look(storer, 0)
    assert settled == max(ids)
    assert _look(storer, settled) == (set(), 0)


async def test_a_row_is_settled_by_when_it_was_written_not_by_when_its_transaction_began(storer: Storer) -> None:
    template, _ = await parsed(message().as_bytes())
    await storer.take(topics.MAIL_PARSED, [template])
    with storer.engine.connect() as long:
        began = long.execute(text("SELECT now()")).scalar_one()
        taken = storer.value("SELECT clock_timestamp()")
        long.execute(text(_COPY))
        assert began < taken < long.execute(text("SELECT stored_at FROM emails WHERE content_sha256 = 'late'")).scalar()


_BY_ITSELF = {"id", "content_sha256", "stored_at"}
_OTHERS = ", ".join(column.name for column in tables.emails.columns if column.name not in _BY_ITSELF)
_COPY = f"INSERT INTO emails (content_sha256, {_OTHERS}) SELECT 'late', {_OTHERS} FROM emails LIMIT 1"


def _look(storer: Storer, after: int) -> tuple[set[int], int]:
    """The ids of one look as the page has it, and the greatest settled one."""
    seen, settled = set[int](), 0
    while rows := storer.rows(POLL, after=after):
        seen |= {row[0] for row in rows}
        settled = max([settled, *(row[0] for row in rows if row[1])])
        after = rows[-1][0]
    return seen, settled
