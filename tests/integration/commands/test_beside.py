"""A repair while others work on the same mail, or after it was interrupted: on real embedded stores."""

import asyncio
import hashlib
import os
import shutil
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from services.cli.mending import under_way, workbench
from services.common.stores.folder import FolderStore
from services.front.embedded import publisher
from tests import polling
from tests.fakes.mail_events import fetched, message, with_file
from tests.integration.commands.conftest import MAIL, TABLES, Home
from tests.integration.commands.test_erasing import held

NEW = with_file(
    message("new", "filed while the store is listed", Message_ID="<n@x>"), b"%PDF-1 new", "n.pdf"
).as_bytes()
ROWS = "SELECT string_agg(concat(subject, size, content_sha256), '|' ORDER BY content_sha256) FROM emails"
PLACES = "SELECT string_agg(concat(folder, folder_id, uid, internaldate), '|' ORDER BY uid) FROM email_places"
FILES = "SELECT string_agg(concat(name, sha256), '|' ORDER BY sha256) FROM attachments"


def raw_of(home: Home, raw: bytes) -> Path:
    name = hashlib.sha256(raw).hexdigest()
    (path,) = (path for path in home.objects() if path.stem == name)
    return path


@pytest.fixture
def after_listing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen when the store has just been listed."""
    sizes = FolderStore.sizes

    def arrange(happens: Callable[[], object]) -> None:
        def listed(store: FolderStore, prefix: str) -> Iterator[tuple[str, int]]:
            yield from sizes(store, prefix)
            happens()

        monkeypatch.setattr(FolderStore, "sizes", listed)

    return arrange


async def test_what_is_filed_while_the_store_is_listed_is_not_gone(
    stored: Home, after_listing: Callable[[Callable[[], object]], None]
) -> None:
    after_listing(lambda: asyncio.run(publisher(stored.context).publish([fetched(NEW, 9)])))
    done = stored.run("repair", "--check")
    assert stored.value("SELECT count(*) FROM emails") == len(MAIL) + 1
    assert (done.exit_code, "0 raw messages gone, 0 attachments gone" in done.stdout) == (0, True)


async def test_what_a_running_sync_has_in_hand_is_not_told(stored: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def sync_goes_on(_: float) -> None:
        asyncio.run(publisher(stored.context).publish([fetched(MAIL[2], 3)]))

    monkeypatch.setattr(under_way.time, "sleep", sync_goes_on)
    stored.change("DELETE FROM emails WHERE subject LIKE 'Invoice%'")
    assert stored.run("repair", "--check").exit_code == 3
    with held(stored):
        done = stored.run("repair", "work", "--check")
    assert (done.exit_code, done.stdout[:2]) == (0, "0 ")


async def test_what_stays_wrong_while_a_sync_runs_is_told_with_that(
    stored: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "_OF_A_GROUP", 0.1)
    stored.change("DELETE FROM emails WHERE subject LIKE 'Invoice%'")
    with held(stored):
        done = stored.run("repair", "work", "--check")
    assert (done.exit_code, done.stdout[:2]) == (3, "1 ")
    assert "may only be on its way: account work is being synced" in done.stderr


async def test_an_object_that_vanishes_before_it_is_read_is_gone(
    stored: Home, after_listing: Callable[[Callable[[], object]], None]
) -> None:
    path = raw_of(stored, MAIL[1])
    after_listing(lambda: path.unlink(missing_ok=True))
    done = stored.run("repair", "--check", "--verify")
    assert (done.exit_code, "1 raw messages gone" in done.stdout, "damaged" in done.stdout) == (3, True, False)


async def test_an_object_that_vanishes_before_it_is_sent_is_told(
    stored: Home, after_listing: Callable[[Callable[[], object]], None]
) -> None:
    path = raw_of(stored, MAIL[1])
    stored.change(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    after_listing(lambda: path.unlink(missing_ok=True))
    done = stored.run("repair", "--offline")
    assert (done.exit_code, "1 raw messages went away while the repair ran" in done.stderr) == (3, True)
    assert stored.value("SELECT count(*) FROM emails") == len(MAIL) - 1


async def test_what_is_filed_again_before_it_is_forgotten_keeps_its_row(stored: Home) -> None:
    gone = [path for path in stored.objects() if "/attachments/" in str(path)]
    contents = [path.read_bytes() for path in gone]
    for path in gone:
        path.unlink()
    before = stored.value("SELECT string_agg(concat(kind, key, size), '|' ORDER BY sha256) FROM objects")
    with workbench.bench(stored.context.engine) as bench:
        assert workbench.compare(bench, stored.context.store, None).files_gone == len(gone)
        gone[0].write_bytes(contents[0])
        workbench.forget(bench, stored.context.engine, stored.context.store)
    assert stored.value("SELECT count(*) FROM objects WHERE kind = 'attachment'") == len(gone) - 1
    gone[1].write_bytes(contents[1])
    assert stored.run("repair", "--offline").exit_code == 0
    after = stored.value("SELECT string_agg(concat(kind, key, size), '|' ORDER BY sha256) FROM objects")
    assert after == before


async def test_two_repairs_at_once_mend_as_one(stored: Home) -> None:
    before = [stored.value(query) for query in (ROWS, PLACES, FILES)]
    for path in stored.objects():
        if "/attachments/" in str(path):
            path.unlink()
    stored.change("DELETE FROM emails WHERE id % 2 = 0")
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: stored.process("repair", "--offline"), range(2)))
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert [stored.value(query) for query in (ROWS, PLACES, FILES)] == before
    assert stored.run("repair", "--check", "--verify").exit_code == 0


WAITS = """CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF EXISTS (SELECT FROM emails) THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NULL; END $$;
CREATE TRIGGER waits BEFORE INSERT ON emails EXECUTE FUNCTION waits()"""


@contextmanager
def held_behind_the_first_rows(home: Home) -> Iterator[None]:
    """Who stores mail while there is some waits until the block has ended."""
    home.change(WAITS)
    with home.context.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as holding:
        holding.execute(text("SELECT pg_advisory_lock(7)"))
        try:
            yield
        finally:
            holding.execute(text("SELECT pg_advisory_unlock(7)"))


async def test_a_repair_that_is_interrupted_is_finished_by_the_next(home: Home) -> None:
    await home.take(*(message(f"number {number}", Message_ID=f"<{number}@x>").as_bytes() for number in range(800)))
    before = [home.value(query) for query in (ROWS, PLACES, FILES)]
    home.change(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    with held_behind_the_first_rows(home):
        process = home.started("repair", "--offline")
        polling.until(lambda: home.value("SELECT count(*) FROM emails") > 0, 60, lambda: "no row came back")
        process.send_signal(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT
    home.change("DROP FUNCTION waits CASCADE")
    assert 0 < home.value("SELECT count(*) FROM emails") < 800
    assert home.run("repair", "--offline").exit_code == 0
    assert [home.value(query) for query in (ROWS, PLACES, FILES)] == before
    assert home.run("repair", "--check", "--verify").exit_code == 0


async def test_a_copy_under_another_key_mends_a_raw_message_that_is_gone(stored: Home) -> None:
    path = raw_of(stored, MAIL[1])
    copy = stored.path / "objects" / "mailweir" / "work" / "messages" / "undated" / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, copy)
    path.unlink()
    done = stored.run("repair", "--offline")
    assert (done.exit_code, done.stderr) == (0, "")
    assert path.read_bytes() == MAIL[1]
    assert stored.run("repair", "--check", "--verify").exit_code == 0


async def test_two_raw_messages_of_one_content_are_one_message_to_mend(stored: Home) -> None:
    path = raw_of(stored, MAIL[1])
    copy = stored.path / "objects" / "mailweir" / "work" / "messages" / "undated" / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(path.read_bytes())  # without what it says of itself
    stored.change(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    done = stored.run("repair", "--offline")
    assert (done.exit_code, f"{len(MAIL)} raw messages without complete rows" in done.stdout) == (0, True)
    assert stored.run("repair", "--check").exit_code == 0


async def test_a_raw_message_that_is_gone_is_told_until_it_is_there_again(stored: Home) -> None:
    raw_of(stored, MAIL[1]).unlink()
    before = "1 of these were gone before, or are still on their way"
    for known in (False, True, True):
        done = stored.run("repair", "--offline")
        assert (done.exit_code, "1 raw messages gone" in done.stdout, before in done.stdout) == (3, True, known)
    assert stored.run("repair", "--check").exit_code == 3
    await stored.take(*MAIL)
    assert stored.run("repair", "--check").exit_code == 0


async def test_a_raw_message_that_is_gone_here_and_on_the_server_is_told(stored: Home) -> None:
    raw_of(stored, MAIL[1]).unlink()
    stored.change(
        f"UPDATE email_places SET visible = false WHERE content_sha256 = '{hashlib.sha256(MAIL[1]).hexdigest()}'"
    )
    for words in (["--check"], [], []):
        done = stored.run("repair", *words)
        assert (done.exit_code, "1 raw messages that are gone are not on the server" in done.stderr) == (3, True)


async def test_what_a_paused_account_lacks_is_told(stored: Home, account: str) -> None:
    raw_of(stored, MAIL[1]).unlink()
    stored.run("accounts", "pause", account)
    done = stored.run("repair")
    assert (done.exit_code, "1 raw messages that are gone are not fetched" in done.stderr) == (3, True)


async def test_other_places_of_what_was_sent_are_not_fetched_again(home: Home) -> None:
    await home.take(MAIL[0], MAIL[0], MAIL[1])
    home.change(
        "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'I', 'active')"
    )
    home.change(
        "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published) "
        "VALUES ('work-INBOX', 1, 1700000000, '{[1,4)}', '{[1,4)}')"
    )
    home.change("DELETE FROM objects")
    with workbench.bench(home.context.engine) as bench:
        workbench.compare(bench, home.context.store, "work")
        workbench.note(bench, [fetched(MAIL[0], 1)])
        workbench.unpublish_pending(bench, "work", on_the_way=True)
    assert home.value("SELECT published::text FROM folder_ledger") == "{[1,3)}"


async def test_what_is_published_after_a_repair_looked_is_not_fetched_again(home: Home) -> None:
    home.change(
        "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'I', 'active')"
    )
    home.change(
        "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published) "
        "VALUES ('work-INBOX', 1, 1700000000, '{[1,9)}', '{[1,3)}')"
    )
    with workbench.bench(home.context.engine) as bench:
        workbench.compare(bench, home.context.store, "work")
        home.change("UPDATE folder_ledger SET published = '{[1,9)}'")
        workbench.unpublish_pending(bench, "work", on_the_way=True)
    assert home.value("SELECT published::text FROM folder_ledger") == "{[3,9)}"


def test_files_of_any_name_are_passed_over(home: Home) -> None:
    top = home.path / "objects" / "mailweir" / "work"
    deep = top / "/".join(["d" * 200] * 6)
    deep.mkdir(parents=True)
    for name in (os.fsencode(top / "x") + b"\xff\n\t\\", os.fsencode(deep / "y")):
        Path(os.fsdecode(name)).write_bytes(b"x")
    try:
        done = home.run("repair", "--check", "--verify")
        assert (done.exit_code, done.stderr) == (0, "")
    finally:
        shutil.rmtree(top)


def test_memory_does_not_grow_with_the_objects(home: Home) -> None:
    class Full(FolderStore):
        """As many objects as nobody wants to write for a test."""

        def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
            digests = (hashlib.sha256(b"%d" % number).hexdigest() for number in range(50_000))
            return ((f"work/messages/2026/11/22/{digest}.eml", 1_000) for digest in digests)

    with workbench.bench(home.context.engine) as bench:
        tracemalloc.start()
        damage = workbench.compare(bench, Full(home.path / "objects"), None)
        count = sum(len(copies) for copies in workbench.wanted(bench))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (damage.unstored, count) == (50_000, 50_000)
    assert most < 4 << 20
