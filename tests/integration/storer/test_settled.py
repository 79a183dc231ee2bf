"""What was found stored once is not looked up again, and is taken back with whatever it rested on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, text

from services.cli.mending.whole_schema import whole_schema
from services.common import topics
from services.common.completeness import folders_of
from services.common.database import engine_for
from services.common.events import AttachmentExtracted, EmailParsed
from services.common.objects import ObjectStore
from services.common.postgres import restoring
from services.common.settled import COUNTED, settle
from services.common.stores.folder import FolderStore
from services.storer.erase import erase_account
from tests.fakes.mail_events import message, parsed, with_file
from tests.integration.console.seeds import seed
from tests.integration.storer.conftest import Storer
from tests.integration.storer.test_completeness import filed, listed


@dataclass(frozen=True)
class Stores:
    """Where an account's mail lies."""

    engine: Engine
    store: ObjectStore


SETTLED = "services.common.settled"
COLUMNS = "listed, published, stored, pending, quarantined, vanished, missing"


def figures(storer: Storer) -> tuple[int, ...]:
    """The counts of the one folder, which the view has to confirm."""
    (folder,) = folders_of(storer.engine, "work")
    ((row,)) = storer.rows(f"SELECT {COLUMNS} FROM completeness WHERE present AND state <> 'gone'")
    found = tuple(getattr(folder, name) for name in COLUMNS.split(", "))
    assert found == row
    return found


def stored(storer: Storer) -> int:
    return figures(storer)[2]


def do(storer: Storer, statement: str) -> None:
    with storer.engine.begin() as connection:
        connection.execute(text(statement))


async def three(storer: Storer) -> tuple[list[EmailParsed], AttachmentExtracted]:
    """Three messages of a folder, the last one with a file, all stored and known to be."""
    listed(storer, "{[1,9)}", "{[1,6)}")
    plain = [(await parsed(message(f"n{uid}").as_bytes(), uid))[0] for uid in (1, 2)]
    rich, (file,) = await parsed(with_file(message("n3"), b"%PDF-1", "a.pdf").as_bytes(), 3)
    mails = [*plain, rich]
    assert stored(storer) == 0
    await storer.take(topics.MAIL_PARSED, mails)
    assert stored(storer) == 0
    await storer.take(topics.MAIL_FILED, [filed(mail) for mail in mails])
    assert stored(storer) == 2
    await storer.take(topics.MAIL_FILED, [filed(rich, "attachment", file.partsha256)])
    assert figures(storer) == (8, 5, 3, 2, 0, 0, 3)
    assert storer.rows("SELECT settled::text FROM settled_places") == [("{[1,4)}",)]
    return mails, file


TAKEN = {
    "a raw message that is gone from the store": "DELETE FROM objects WHERE kind = 'message' AND sha256 = "
    "(SELECT content_sha256 FROM email_places WHERE uid = 1)",
    "a file that is gone from the store": "DELETE FROM objects WHERE kind = 'attachment'",
    "an object under another name": "UPDATE objects SET sha256 = 'other' WHERE kind = 'attachment'",
    "a file that is another one": "UPDATE attachments SET sha256 = 'other'",
    "a place without its row": "DELETE FROM email_places WHERE uid = 2",
    "mail without its row": "DELETE FROM emails WHERE id = (SELECT email_id FROM email_places WHERE uid = 2)",
    "a place of another content": "UPDATE email_places SET content_sha256 = 'other' WHERE uid = 3",
    "a place whose mail is unknown": "UPDATE email_places SET email_id = NULL WHERE uid = 3",
}


@pytest.mark.parametrize("statement", TAKEN.values(), ids=TAKEN)
async def test_what_is_taken_away_is_not_counted_any_more(storer: Storer, statement: str) -> None:
    await three(storer)
    do(storer, statement)
    assert stored(storer) == 2
    assert stored(storer) == 2


@pytest.mark.parametrize("table", ["objects", "email_places", "emails"])
async def test_an_emptied_table_empties_the_figures(storer: Storer, table: str) -> None:
    await three(storer)
    do(storer, f"TRUNCATE {table} CASCADE")
    assert stored(storer) == 0


async def test_what_comes_back_counts_again(storer: Storer) -> None:
    mails, file = await three(storer)
    do(storer, "DELETE FROM objects")
    assert stored(storer) == 0
    await storer.take(topics.MAIL_FILED, [filed(mail) for mail in mails])
    assert stored(storer) == 2
    await storer.take(topics.MAIL_FILED, [filed(mails[2], "attachment", file.partsha256)])
    assert stored(storer) == 3


async def test_a_newer_parser_that_finds_a_file_makes_its_message_wait_for_it(storer: Storer) -> None:
    mails, _ = await three(storer)
    rich = (await parsed(with_file(message("n1"), b"%PDF-2", "b.pdf").as_bytes(), 1))[0]
    told = replace(rich.email, mailweir=replace(rich.email.mailweir, parser_version="99.0.0"))
    renewed = replace(rich, contentsha256=mails[0].contentsha256, email=told)
    await storer.take(topics.MAIL_PARSED, [renewed])
    assert stored(storer) == 2


async def test_vanished_mail_is_counted_apart_and_again_when_it_returns(storer: Storer) -> None:
    await three(storer)
    do(storer, "UPDATE folder_ledger SET vanished = '{[2,4)}'")
    assert stored(storer) == 1
    do(storer, "UPDATE folder_ledger SET vanished = '{}'")
    assert stored(storer) == 3


async def test_what_is_taken_away_while_somebody_counts_is_gone_once_it_is_so(storer: Storer) -> None:
    await three(storer)
    with storer.engine.connect() as taking:
        taking.execute(text("DELETE FROM objects"))
        assert stored(storer) == 3
        do(storer, "UPDATE folder_ledger SET listed = listed + '{[9,10)}'")
        assert stored(storer) == 3
        taking.commit()
    assert stored(storer) == 0


async def test_a_set_that_was_found_before_something_was_taken_away_and_kept_after_it_does_not_count(
    storer: Storer,
) -> None:
    await three(storer)
    do(storer, "DELETE FROM objects")
    do(storer, "UPDATE settled_places SET settled = '{[1,6)}'")
    assert stored(storer) == 0


async def test_figures_are_told_while_nothing_can_be_remembered(storer: Storer, url: str) -> None:
    await three(storer)
    do(storer, "DELETE FROM settled_places")
    hasty = engine_for(url, statement_timeout_ms=300)
    try:
        with storer.engine.connect() as holding:
            holding.execute(text("LOCK TABLE settled_places IN SHARE MODE"))
            assert [folder.stored for folder in folders_of(hasty, "work")] == [3]
    finally:
        hasty.dispose()
    assert storer.rows("SELECT settled::text FROM settled_places") == []


async def test_an_erased_account_leaves_no_set(storer: Storer, tmp_path: Path) -> None:
    await three(storer)
    erase_account(Stores(storer.engine, FolderStore(tmp_path)), "work")
    assert storer.rows("SELECT * FROM settled_places") == []


async def test_tables_that_are_made_anew_settle_nothing(storer: Storer, url: str) -> None:
    await three(storer)
    do(storer, "DROP TABLE unsettled")
    restoring.restore(url, whole_schema(), ())
    assert storer.rows("SELECT * FROM settled_places") == []
    assert stored(storer) == 3


def test_a_look_costs_the_same_with_twenty_times_the_mail(engine: Engine) -> None:
    seed(engine, ["few"], folders=5, mail=100)
    seed(engine, ["many"], folders=5, mail=2_000)
    pages = {}
    for slug in ("few", "many"):
        settle(engine, [slug])
        pages[slug] = _pages(engine, slug)
    assert pages["many"] < pages["few"] * 1.5, pages


def test_more_than_one_step_of_mail_is_settled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{SETTLED}._MOST", 70)
    seed(engine, ["many"], folders=3, mail=100)
    settle(engine, ["many"])
    query = text("SELECT sum(multirange_count(settled)) FROM settled_places")
    with engine.connect() as connection:
        assert connection.execute(query).scalar() == 300


def _pages(engine: Engine, slug: str) -> int:
    """Pages of the database that a count touches."""
    query = text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) WITH {COUNTED} SELECT * FROM counted")
    with engine.connect() as connection:
        told: Any = connection.execute(query, {"slugs": [slug], "most": None}).scalar()
    return int(told[0]["Plan"]["Shared Hit Blocks"] + told[0]["Plan"]["Shared Read Blocks"])
