"""repair, reparse, dead letters, erasing: on real embedded stores."""

import re
from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from services.cli.mending import workbench
from services.common import lookup
from services.common.database import engine_for
from services.common.errors import ConfigurationError
from services.common.lookup import Choice
from services.common.objects import ObjectStore
from services.front.embedded import publisher
from services.storer.erase import erase_account
from tests.commands_page import properties
from tests.fakes.mail_events import fetched
from tests.integration.commands.conftest import MAIL, TABLES, Home

ROWS = "SELECT string_agg(subject || ' ' || size || ' ' || content_sha256, '|' ORDER BY content_sha256) FROM emails"
PLACES = "SELECT string_agg(folder || folder_id || uid || internaldate, '|' ORDER BY uid) FROM email_places"
FILES = "SELECT string_agg(name || sha256, '|' ORDER BY sha256) FROM attachments"


async def test_rows_come_back_from_the_object_store_alone(stored: Home) -> None:
    before = [stored.value(query) for query in (ROWS, PLACES, FILES)]
    stored.change(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    assert stored.run("repair", "--check", "--offline").exit_code == 3
    assert stored.run("repair", "--offline").exit_code == 0
    assert [stored.value(query) for query in (ROWS, PLACES, FILES)] == before
    assert stored.run("repair", "--check").exit_code == 0


async def test_a_message_of_more_files_than_a_record_tells_is_whole(home: Home) -> None:
    """Every file is in the store, the first ones have rows; a repair looks for those under their names."""
    one = '--b\r\n\r\ntext {0}\r\n--b\r\nContent-Type: application/pdf; name="report {0}.pdf"\r\n\r\nfile {0}\r\n'
    head = "Subject: many\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    await home.take((head + "".join(map(one.format, range(1_000))) + "--b--\r\n").encode())
    assert home.value("SELECT count(*) FROM attachments WHERE safe_name = name AND name ~ '^report'") == 400
    assert "limit.event-size" in home.value("SELECT defects FROM emails")
    assert sum("/attachments/" in key for key in home.context.store.keys("work/")) == 1_000
    assert home.run("repair", "--check").exit_code == 0


async def test_a_repair_names_an_account_that_is_there(stored: Home) -> None:
    for name in ("wrok", "../work", "wor", "/", "..", "../..", "/etc", "work/", "work/messages"):
        with pytest.raises(ConfigurationError, match="there is no account"):
            stored.run("repair", name, "--offline")
    assert stored.run("repair", "work", "--check").exit_code == 0  # a removed one, with its mail


@pytest.mark.parametrize("dropped", [("emails",), ("objects", "attachments"), tuple(TABLES)], ids=["one", "two", "all"])
async def test_dropped_tables_are_made_anew_and_their_rows_come_back(stored: Home, dropped: tuple[str, ...]) -> None:
    before = [stored.value(query) for query in (ROWS, PLACES, FILES)]
    stored.change("INSERT INTO console_users (name, role) VALUES ('ann', 'user')")
    stored.change(f"DROP TABLE {', '.join(dropped)} CASCADE")
    looked = stored.run("repair", "--check", "--offline")
    assert (looked.exit_code, "tables that are gone" in looked.stderr) == (3, True)
    assert stored.run("repair", "--offline").exit_code == 0
    assert [stored.value(query) for query in (ROWS, PLACES, FILES)] == before
    assert stored.value("SELECT role FROM console_users WHERE name = 'ann'") == "user"
    assert stored.run("repair", "--check").exit_code == 0
    stored.change("INSERT INTO console_users (name, role) VALUES ('bob', 'user')")
    stored.change("DELETE FROM console_users")


@pytest.mark.parametrize(
    "lost",
    [
        "ALTER TABLE emails DROP COLUMN subject CASCADE",
        "ALTER TABLE email_places DROP COLUMN flags",
        "ALTER TABLE objects DROP COLUMN detected_type",
        "ALTER TABLE folder_ledger DROP COLUMN invisible CASCADE",
        "ALTER TABLE email_sync_status DROP COLUMN wire",
        "DROP VIEW incomplete_emails CASCADE",
        "DROP FUNCTION multirange_count CASCADE",
    ],
)
async def test_dropped_columns_and_views_are_made_anew_and_nothing_else_is_lost(stored: Home, lost: str) -> None:
    before = [stored.value(query) for query in (ROWS, PLACES, FILES)]
    stored.change(lost)
    assert stored.run("repair", "--check", "--offline").exit_code == 3
    assert stored.run("repair", "--offline").exit_code == 0
    assert [stored.value(query) for query in (ROWS, PLACES, FILES)] == before
    assert (stored.run("status").exit_code, stored.run("repair", "--check").exit_code) == (0, 0)


@pytest.mark.parametrize(
    ("lost", "word"),
    [
        ("TABLE folders", "status"),
        ("VIEW completeness", "ledger"),
        ("TABLE emails", "search"),
        ("TABLE leases", "sync"),
    ],
)
async def test_what_somebody_dropped_is_one_line_with_the_command_that_mends_it(
    stored: Home, account: str, lost: str, word: str
) -> None:
    stored.change(f"DROP {lost} CASCADE")
    done = stored.process(word, *(["contract"] if word == "search" else []))
    assert done.returncode == 1
    assert re.fullmatch(r"(mailweir|work): the database lacks .*: `mailweir repair` makes it anew\n", done.stderr)
    assert stored.run("repair", "--offline").exit_code == 0


STATES = "SELECT array_agg((uid, flags, labels, visible)::text ORDER BY uid) FROM email_places"


@pytest.mark.parametrize("lost", ["DROP TABLE emails CASCADE", "DELETE FROM emails WHERE subject LIKE '%合同'"])
async def test_messages_come_back_with_the_flags_that_the_poller_knows(stored: Home, lost: str) -> None:
    stored.change(
        "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'I', 'active')"
    )
    stored.change(
        "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published, vanished, flags) VALUES "
        "('work-INBOX', 1, 1700000000, '{[1,5)}', '{[1,5)}', '{[2,3)}', "
        """'{"\\\\Seen": "1:2,4", "$Junk": "1", "X-GM-LABELS to do": "4"}')"""
    )
    stored.change("UPDATE email_places SET sequence = 9, flags = '{newer}' WHERE uid = 3")
    stored.change(lost)
    assert stored.run("repair", "--offline").exit_code == 0
    one, two, three, four = stored.value(STATES)
    assert one == r"""(1,"{$Junk,""\\\\Seen""}",,t)"""
    assert two == r"""(2,"{""\\\\Seen""}",,f)"""
    assert three == ("(3,{},,t)" if "DROP" in lost else "(3,{newer},,t)")
    assert four == (r"""(4,"{""\\\\Seen""}","{""to do""}",t)""" if "DROP" in lost else "(4,{},,t)")
    assert stored.value("SELECT count(*) FROM place_states") == 0


EVERY_TABLE = """DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
LOOP EXECUTE format('DROP TABLE public.%I CASCADE', name); END LOOP; END $$"""
EVERYTHING = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


@pytest.mark.parametrize("statement", [EVERY_TABLE, EVERYTHING], ids=["tables", "schema"])
async def test_mail_comes_back_when_every_table_is_dropped(stored: Home, statement: str) -> None:
    before = [stored.value(query) for query in (ROWS, PLACES, FILES)]
    stored.change(statement)
    done = stored.process("repair", "--offline")
    assert (done.returncode, done.stderr) == (0, "")
    assert [stored.value(query) for query in (ROWS, PLACES, FILES)] == before
    assert stored.run("repair", "--check", "--verify").exit_code == 0


async def test_tables_without_a_revision_are_left_alone_and_told(stored: Home) -> None:
    stored.change("ALTER TABLE alembic_version RENAME TO hidden")
    done = stored.process("status")
    stored.change("ALTER TABLE hidden RENAME TO alembic_version")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "emails" in done.stderr
    assert stored.value("SELECT count(*) FROM emails") == len(MAIL)


async def test_tables_of_other_programs_outlive_a_repair_of_dropped_ones(stored: Home) -> None:
    stored.change("CREATE TABLE verdicts (id serial PRIMARY KEY, email bigint REFERENCES emails, verdict text)")
    stored.change("INSERT INTO verdicts (email, verdict) SELECT id, 'urgent' FROM emails")
    stored.change("CREATE FUNCTION verdict_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM verdicts'")
    stored.change("DROP TABLE attachments CASCADE")
    assert stored.run("repair", "--offline").exit_code == 0
    stored.change("INSERT INTO verdicts (verdict) VALUES ('later')")
    assert stored.value("SELECT verdict_count()") == len(MAIL) + 1
    assert stored.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'mailweir%'") == 0
    assert stored.run("repair", "--check").exit_code == 0
    stored.change("DROP TABLE verdicts; DROP FUNCTION verdict_count")


async def test_attachments_that_are_gone_are_made_again(stored: Home) -> None:
    gone = [path for path in stored.objects() if "/attachments/" in str(path)]
    assert len(gone) == 2
    contents = [path.read_bytes() for path in gone]
    for path in gone:
        path.unlink()
    assert "2 attachments gone" in stored.run("repair", "--offline").stdout
    assert [path.read_bytes() for path in gone] == contents
    assert stored.run("repair", "--check").exit_code == 0


async def test_a_raw_message_that_is_gone_is_missing_until_it_is_fetched(stored: Home) -> None:
    stored.change(
        "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'I', 'active')"
    )
    stored.change(
        "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published) "
        "VALUES ('work-INBOX', 1, 1700000000, '{[1,5)}', '{[1,5)}')"
    )
    next(path for path in stored.objects() if path.suffix == ".eml").unlink()
    assert stored.value("SELECT pending FROM completeness") == 0
    stored.run("repair")
    assert stored.value("SELECT (stored, missing)::text FROM completeness") == "(3,1)"


async def test_what_repair_has_just_sent_is_not_fetched_again(home: Home) -> None:
    home.change(
        "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'I', 'active')"
    )
    home.change(
        "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published) "
        "VALUES ('work-INBOX', 1, 1700000000, '{[1,9)}', '{[1,9)}')"
    )
    sent = [fetched(MAIL[0], uid) for uid in (2, 3, 5)] + [fetched(MAIL[0], 6, uidvalidity=1)]
    with workbench.bench(home.context.engine) as bench:
        workbench.compare(bench, home.context.store, "work")
        workbench.note(bench, sent)
        workbench.unpublish_pending(bench, "work", on_the_way=True)
    assert home.value("SELECT published::text FROM folder_ledger") == "{[2,4),[5,6)}"


async def test_what_does_not_fit_is_told_to_programs(stored: Home) -> None:
    next(path for path in stored.objects() if path.suffix == ".eml").unlink()
    (told,) = stored.lines("repair", "--check", "--json")
    assert set(told) == properties("`repair --check", "one object")
    assert (told["raw_gone"], told["unstored"], told["late"]) == (1, 0, None)
    with pytest.raises(ConfigurationError, match="say --check"):
        stored.run("repair", "--json")


async def test_a_dead_letter_is_shown_replayed_and_settled(home: Home) -> None:
    bad = replace(fetched(MAIL[0]), contentsha256="0" * 64)
    await publisher(home.context).publish([bad])
    letter, other = home.lines("dlq", "list", "--json")
    assert set(letter) == properties("`dlq list", "a line")
    assert {each["service"] for each in (letter, other)} == {"parser", "attachments"}
    assert {(each["topic"], each["error"]) for each in (letter, other)} == {("mail.fetched", "refused.hash")}
    number = str(letter["id"])
    assert home.run("dlq", "show", number, "--raw").stdout_bytes == MAIL[0]
    assert "refused.hash" in home.run("dlq", "show", number).stdout
    assert home.run("dlq", "replay", number).exit_code == 3
    assert home.value("SELECT string_agg(state, ' ') FROM dead_letters") == "open open"
    home.change(f"UPDATE dead_letters SET headers = replace(headers::text, '{'30' * 64}', '{_hash_hex()}')::jsonb")
    assert home.run("dlq", "replay", "--all").exit_code == 0
    assert home.value("SELECT string_agg(state, ' ') FROM dead_letters") == "replayed replayed"
    assert home.lines("dlq", "list", "--json") == []
    assert home.run("dlq", "drop", number, str(other["id"])).exit_code == 0
    assert home.value("SELECT string_agg(state, ' ') FROM dead_letters") == "dropped dropped"


def _hash_hex() -> str:
    return fetched(MAIL[0]).contentsha256.encode().hex()


async def test_erasing_leaves_nothing_of_the_account_and_all_of_others(stored: Home) -> None:
    await stored.take(MAIL[0], account="home")
    objects, rows = erase_account(stored.context, "work")
    assert (objects, rows) > (0, 0)
    assert list(stored.context.store.keys("work/")) == []
    assert len(list(stored.context.store.keys("home/"))) == 2
    for table in ("emails", "email_places", "objects", "thread_refs", "attachments"):
        assert stored.value(f"SELECT count(*) FROM {table} WHERE account_id = 'work'") == 0
    assert stored.value("SELECT string_agg(action, ',') FROM audit_log WHERE account_id = 'work'") == "erase"
    assert len(lookup.ids(stored.context.engine, Choice(account="home"))) == 1


@dataclass
class Impatient:
    """Stores whose database gives up a statement soon."""

    engine: Engine
    store: ObjectStore


async def test_a_large_account_is_erased_however_long_it_takes_by_one_look_at_its_objects(
    stored: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END'"
    stored.change(f"{slow}; CREATE TRIGGER slow AFTER DELETE ON emails EXECUTE FUNCTION slow()")
    looks: list[str] = []
    erase = stored.context.store.erase
    monkeypatch.setattr(stored.context.store, "erase", lambda prefix: looks.append(prefix) or erase(prefix))
    engine = engine_for(stored.context.database_url, statement_timeout_ms=300)
    erase_account(Impatient(engine, stored.context.store), "work")
    engine.dispose()
    stored.change("DROP FUNCTION slow CASCADE")
    assert (stored.objects(), looks) == ([], ["work/", "work/"])


@pytest.mark.parametrize("words", [("dlq", "replay"), ("dlq", "drop", "1", "--all"), ("dlq", "show", "99")])
async def test_wrong_use_is_one_line(home: Home, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        home.run(*words)


async def test_a_folder_is_called_as_it_is_now_though_the_object_has_another_name(stored: Home) -> None:
    named = "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'x', 'Neu', 'active')"
    stored.change(named)
    stored.change("TRUNCATE emails, email_places, email_sync_status CASCADE")
    assert stored.run("repair", "--offline").exit_code == 0
    assert stored.value("SELECT array_agg(DISTINCT folder) FROM email_places") == ["Neu"]
