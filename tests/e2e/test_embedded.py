"""The same job in one process, with a folder and a Postgres from a wheel."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import text

from infra.local import dovecot
from services.common.database import engine_for
from services.common.postgres import embedded_postgres
from tests.corpus_mail import messages
from tests.e2e.commands import Mailweir
from tests.e2e.world import USER, World, as_sent, embedded, seen_messages
from tests.fakes.ports import closed_port

COUNT = int(os.environ.get("MAILWEIR_E2E_MESSAGES", "500"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with embedded(tmp_path_factory.mktemp("embedded")) as made:
        made.deliver(messages(COUNT))
        yield made


def test_everything_that_was_delivered_is_there(world: World) -> None:
    done = world.mailweir("sync")
    assert done.returncode == 0, done.stderr
    ledger = world.ledger()
    assert Counter(line["state"] for line in ledger) == {"stored": COUNT}
    assert Counter(line["contentsha256"] for line in ledger) == world.expected()
    assert world.status()["missing"] == 0
    objects = world.mailweir.home / "objects" / "mailweir" / "work"
    raw = list((objects / "messages").rglob("*.eml"))
    assert Counter(path.stem for path in raw) == Counter(set(world.expected()))
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.stem for path in raw)
    files = [path for path in (objects / "attachments").rglob("*") if path.is_file()]
    assert files
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name for path in files)
    assert seen_messages(world) == []


def test_a_second_sync_fetches_only_what_is_new(world: World) -> None:
    for news in ([], messages(COUNT + 7)[COUNT:]):
        world.deliver(news)
        done = world.mailweir("sync")
        assert done.returncode == 0, done.stderr
        assert world.status()["stored"] == len(world.delivered)
        assert fetched(world) == sum(len(as_sent(raw)) for raw in world.delivered.values())


@contextmanager
def watching_with(world: World) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """A watch, and what it tells."""
    command = [sys.executable, "-m", "services.cli.main", "sync", "--watch", "--json"]
    with subprocess.Popen(
        command, env=world.mailweir.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as watching:
        assert watching.stdout is not None
        yield watching, watching.stdout


def test_a_watch_tells_what_comes_until_it_is_stopped(world: World) -> None:
    with watching_with(world) as (watching, output):
        told = map(json.loads, output)
        state = next(told)
        world.deliver([b"From: a@x.example\nSubject: watched\n\nnews\n"])
        arrival = next(told)
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=30)
    assert (state["account"], state["signin"]) == ("work", "ok")
    assert arrival == {"account": "work", "folder": "INBOX", "messages": 1}
    assert (watching.returncode, errors) == (0, b"watching work; Ctrl-C stops\n")


def test_a_watch_that_nobody_listens_to_any_more_ends_and_keeps_what_came(world: World) -> None:
    with watching_with(world) as (watching, output):
        output.readline()
        output.close()
        world.deliver([b"From: a@x.example\nSubject: unheard\n\nnews\n"])
        _, errors = watching.communicate(timeout=60)
    assert (watching.returncode, errors) == (1, b"watching work; Ctrl-C stops\n")
    assert world.status()["stored"] >= len(world.delivered) - 1
    assert world.mailweir("sync").returncode == 0  # it may have ended before it had the message
    assert world.status()["stored"] == len(world.delivered)


def fetched(world: World) -> int:
    """Octets of bodies, by the audit log."""
    engine = engine_for(embedded_postgres.ensure(world.mailweir.home))
    with engine.connect() as connection:
        octets = connection.execute(text("SELECT sum(octets) FROM audit_log WHERE action = 'fetch'")).scalar_one()
    engine.dispose()
    return int(octets)


def test_lost_reports_of_folders_and_accounts_come_back_by_a_repair(world: World) -> None:
    assert world.mailweir("sync").returncode == 0
    said = "SELECT folder, listed, published, state FROM email_sync_status"
    known = rows(world, f"{said} ORDER BY folder"), rows(world, "SELECT account_id, state, signin FROM account_status")
    for table in ("email_sync_status", "account_status"):
        assert rows(world, f"DELETE FROM {table} RETURNING 1")
    checked = world.mailweir("repair", "--check")
    assert (checked.returncode, checked.stdout.count("whose last report is lost")) == (3, len(known))
    assert world.mailweir("repair").returncode == 0
    assert rows(world, f"{said} ORDER BY folder") == known[0]
    assert rows(world, "SELECT account_id, state, signin FROM account_status") == known[1]
    assert world.mailweir("repair", "--check").returncode == 0


def test_a_message_that_is_fetched_again_has_the_flags_of_now(world: World) -> None:
    raw = b"Subject: fetched again\n\nonly once here\n"
    name = f"{len(world.delivered)}.mail"
    world.deliver([raw])
    assert world.mailweir("sync").returncode == 0
    sha256 = hashlib.sha256(as_sent(raw)).hexdigest()
    told = f"SELECT folder, flags FROM email_places WHERE content_sha256 = '{sha256}'"
    assert rows(world, told) == [("INBOX", [])]
    (object_,) = (world.mailweir.home / "objects" / "mailweir" / "work" / "messages").rglob(f"{sha256}.eml")
    object_.unlink()
    (mail,) = dovecot.maildir(world.components.imap.folder, USER).glob(f"*/{name}*")
    mail.rename(mail.parent.parent / "cur" / f"{name}:2,F")
    assert world.mailweir("repair").returncode == 0
    assert object_.exists()
    assert rows(world, told) == [("INBOX", ["\\Flagged"])]


@pytest.mark.parametrize("lost", ["objects WHERE sha256 =", "attachments WHERE email_id =", "emails WHERE id ="])
def test_damaged_raw_messages_of_lost_rows_are_fetched_again_by_one_repair(world: World, lost: str) -> None:
    """With the rows of ``objects`` it is what an interrupted repair leaves."""
    assert world.mailweir("sync").returncode == 0
    (sha256,) = rows(world, "SELECT e.content_sha256 FROM emails e JOIN attachments a ON a.email_id = e.id LIMIT 1")[0]
    (object_,) = (world.mailweir.home / "objects" / "mailweir" / "work" / "messages").rglob(f"{sha256}.eml")
    raw = object_.read_bytes()
    object_.write_bytes(b"X" + raw[1:])
    known = f"'{sha256}'" if "sha256" in lost else f"(SELECT id FROM emails WHERE content_sha256 = '{sha256}')"
    assert rows(world, f"DELETE FROM {lost} {known} RETURNING 1")
    done = world.mailweir("repair")
    assert (done.returncode, "1 raw messages are damaged" in done.stderr) == (0, True), done.stdout + done.stderr
    assert object_.read_bytes() == raw
    assert world.mailweir("repair", "--check", "--verify").returncode == 0


@pytest.mark.parametrize("lost", ["emails", "email_places"])
def test_one_repair_brings_back_all_places_and_flags_of_folders_whose_rows_are_lost_too(
    world: World, lost: str
) -> None:
    raw = b"Subject: in two folders with a flag\n\nthe same\n"
    world.deliver([raw, raw])
    for mail in dovecot.maildir(world.components.imap.folder, USER, "Sent").glob(f"*/{len(world.delivered) - 1}.mail*"):
        mail.rename(mail.parent.parent / "cur" / f"{mail.name.partition(':')[0]}:2,F")
    assert world.mailweir("sync").returncode == 0
    told = "SELECT folder_id, uid, folder, content_sha256, flags, visible FROM email_places ORDER BY 1, 2"
    before = rows(world, told)
    assert ["\\Flagged"] in [flags for *_, flags, _ in before]
    assert rows(world, f"DELETE FROM {lost} RETURNING 1")
    assert rows(world, "DELETE FROM folders RETURNING 1")
    done = world.mailweir("repair")
    assert (done.returncode, rows(world, told)) == (0, before), done.stderr
    assert world.status()["pending"] == 0


def renamed(world: World, name: str, flags: str) -> None:
    """Give a message in INBOX these flags, as another client would."""
    (mail,) = dovecot.maildir(world.components.imap.folder, USER).glob(f"*/{name}.mail*")
    mail.rename(mail.parent.parent / "cur" / f"{name}.mail:2,{flags}")


@pytest.mark.parametrize("lost", ["folder_ledger", "folder_ledger, emails", "folder_ledger, folders"])
def test_flags_and_disappearances_are_told_also_where_the_ledger_is_lost(world: World, lost: str) -> None:
    assert world.mailweir("sync").returncode == 0
    first = len(world.delivered)
    for number in range(4):
        world.deliver([b"Subject: %d of a lost %s\n\nx\n" % (number, lost.encode())])
        renamed(world, str(first + number), "FS")
    assert world.mailweir("sync").returncode == 0
    query = (
        "SELECT flags, visible FROM email_places p JOIN emails e ON e.id = p.email_id "
        f"WHERE subject LIKE '%of a lost {lost}' ORDER BY subject"
    )
    both = ["\\Flagged", "\\Seen"]
    assert rows(world, query) == [(both, True)] * 4
    assert rows(world, f"TRUNCATE {lost} CASCADE; SELECT 1")
    for number, flags in enumerate(("", "F", "FS")):
        renamed(world, str(first + number), flags)
    checked = world.mailweir("repair", "--check")
    assert (checked.returncode, "folders whose list of messages is lost" in checked.stdout) == (3, True)
    (mail,) = dovecot.maildir(world.components.imap.folder, USER).glob(f"*/{first + 3}.mail*")
    mail.unlink()
    del world.delivered["INBOX", f"{first + 3}.mail"]
    assert world.mailweir("repair").returncode == 0
    told = rows(world, query)
    assert [flags for flags, _ in told[:3]] == [[], ["\\Flagged"], both]
    assert [visible for _, visible in told] == [True, True, True, False]
    assert world.mailweir("repair", "--check").returncode == 0


def test_flags_and_disappearances_that_were_told_and_not_stored_come_back_by_a_repair(world: World) -> None:
    """The rows have what they had before: as if the events had been removed from their topic before they were read."""
    first = len(world.delivered)
    for number in range(4):
        world.deliver([b"Subject: %d passed over\n\nx\n" % number])
    assert world.mailweir("sync").returncode == 0
    mine = "email_id IN (SELECT id FROM emails WHERE subject LIKE '%passed over')"
    told = f"SELECT flags, visible FROM email_places JOIN emails e ON e.id = email_id WHERE {mine} ORDER BY subject"
    for number, flags in enumerate(("F", "S", "FS")):
        renamed(world, str(first + number), flags)
    (mail,) = dovecot.maildir(world.components.imap.folder, USER).glob(f"*/{first + 3}.mail*")
    mail.unlink()
    del world.delivered["INBOX", f"{first + 3}.mail"]
    assert world.mailweir("sync").returncode == 0
    after = [(["\\Flagged"], True), (["\\Seen"], True), (["\\Flagged", "\\Seen"], True), ([], False)]
    assert rows(world, told) == after
    assert rows(world, f"UPDATE email_places SET flags = '{{}}', visible = true WHERE {mine} RETURNING 1")
    checked = json.loads(world.mailweir("repair", "--check", "--json").stdout)
    assert checked["outdated"] == 4
    assert world.mailweir("repair").returncode == 0
    assert rows(world, told) == after
    assert world.mailweir("repair", "--check").returncode == 0


def rows(world: World, query: str) -> list[tuple[object, ...]]:
    engine = engine_for(embedded_postgres.ensure(world.mailweir.home))
    with engine.begin() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def test_a_large_message_rests_in_the_folder_that_is_named(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    elsewhere = Mailweir(world.mailweir.home, (("MAILWEIR_POLLER_SPOOL", str(folder)),))
    world.deliver([messages(COUNT + 8)[-1] + b"weir\r\n" * 2_000_000])
    refused = elsewhere("sync")
    assert refused.returncode == 2, refused.stderr
    assert f"MAILWEIR_POLLER_SPOOL: {folder} is no folder" in refused.stderr
    folder.mkdir()
    done = elsewhere("sync")
    assert done.returncode == 0, done.stderr
    assert world.status()["stored"] == len(world.delivered)
    assert list(folder.rglob("*")) == []


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (("--port", "{closed}"), 5, "refused the connection"),
        (("--host", "no-such-host.invalid"), 5, "no-such-host.invalid"),
        (("--ca-file", ""), 5, "certificate"),
        (("--folder", "nothing-like-this*"), 2, "nothing-like-this*"),
    ],
)
def test_bad_input_is_one_line_and_its_exit_code(world: World, change: tuple[str, str], code: int, told: str) -> None:
    world.mailweir("accounts", "remove", "bad")
    imap = world.components.imap
    from infra.local import dovecot

    given = {
        "--host": "localhost",
        "--port": str(imap.ports["imaps"]),
        "--ca-file": str(dovecot.ca_file(imap.folder)),
        "--user": "reader@example.test",
        "--secret-file": str(dovecot.password_file(imap.folder, "reader@example.test")),
    } | dict([change])
    quick = [word for each in ("attempts=2", "backoff_base=0.01", "login_min_interval=0") for word in ("--set", each)]
    with closed_port() as port:
        words = [word.format(closed=port) for item in given.items() if item[1] for word in item]
        added = world.mailweir("accounts", "add", "bad", *words, *quick)
        assert added.returncode == 0, added.stderr
        done = world.mailweir("sync", "bad")
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert world.status()["missing"] == 0


def test_a_wrong_password_gives_exit_4_and_advice(world: World) -> None:
    from infra.local import dovecot

    imap = world.components.imap
    world.mailweir("accounts", "remove", "wrong")
    where = ("--host", "localhost", "--port", str(imap.ports["imaps"]), "--ca-file", str(dovecot.ca_file(imap.folder)))
    added = world.mailweir(
        "accounts", "add", "wrong", *where, "--user", "reader@example.test", "--secret-file", "-", stdin="not-it\n"
    )
    assert added.returncode == 0, added.stderr
    done = world.mailweir("sync", "wrong")
    assert done.returncode == 4, done.stderr
    assert "not-it" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) >= 2
