"""Objects that are not what their names say, objects of strangers, and large messages: on real embedded stores."""

import hashlib
import os
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import text

from services.cli.mending import unmade, workbench
from services.common.errors import Incomplete
from services.common.events import MessageFetched
from services.common.stores import folder
from services.front.embedded import publisher
from services.poller import handlers
from services.poller.domain.state import FolderRecord
from services.poller.imap.model import Fetched, Listing, Spooled
from tests.fakes.mail_events import message, with_file
from tests.integration.commands.conftest import MAIL, TABLES, Home

PLACES = (
    "SELECT string_agg(concat(account_id, folder, folder_id, uidvalidity, uid, internaldate), ' ') FROM email_places"
)
WHOLE = "0 raw messages without complete rows, 0 raw messages gone, 0 attachments gone"


def spooled(home: Home, raw: bytes, uid: int) -> MessageFetched:
    """A large message as the poller publishes it."""
    path = home.path / f"{uid}.literal"
    path.write_bytes(raw)
    body = Spooled(path, len(raw), hashlib.sha256(raw).hexdigest())
    fetched = Fetched(Listing(uid, internaldate="20-Nov-2026 09:12:04 +0000"), body)
    record = FolderRecord(id="work-Sent", account="work", wire=b"Sent", name="Sent", uidvalidity=7)
    ((event, _),) = handlers._events(record, [fetched], home.context.store)
    return event


async def test_a_large_message_comes_back_from_the_object_store_alone(home: Home) -> None:
    raw = with_file(message("第三季度 film", From="Ada <ada@example.org>"), bytes(2 << 20), "film.mp4").as_bytes()
    await publisher(home.context).publish([spooled(home, raw, 3)])
    before = home.value(PLACES)
    (key,) = home.context.store.keys("work/messages/")
    found = home.context.store.stat(key)
    assert found is not None
    assert (found.metadata["subject"], found.metadata["from"]) == ("第三季度 film", "Ada <ada@example.org>")
    home.change(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    assert home.run("repair", "--offline").exit_code == 0
    assert home.value(PLACES) == before
    assert WHOLE in home.run("repair", "--check", "--verify").stdout


def files_below(folder: Path) -> list[Path]:
    return list(folder.rglob("*.eml"))


def damaged(path: Path, kind: str) -> None:
    octets = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": octets[:-1], "other": octets[:-1] + b"\0"}[kind])


@pytest.mark.parametrize("kind", ["empty", "cut", "other"])
async def test_a_damaged_attachment_is_made_again(stored: Home, kind: str) -> None:
    files = [path for path in stored.objects() if "/attachments/" in str(path)]
    contents = [path.read_bytes() for path in files]
    for path in files:
        damaged(path, kind)
    verify = ["--verify"] if kind == "other" else []
    looked = stored.run("repair", "--check", *verify)
    assert (looked.exit_code, "2 attachments gone; 2 of these are there, but damaged" in looked.stdout) == (3, True)
    assert stored.run("repair", "--offline", *verify).exit_code == 0
    assert [path.read_bytes() for path in files] == contents
    assert stored.run("repair", "--check", "--verify").exit_code == 0


@pytest.mark.parametrize("kind", ["gone", "cut", "other"])
@pytest.mark.parametrize("name", ["draft.pdf", "final.pdf"])
async def test_the_same_file_comes_back_under_each_of_its_names(home: Home, kind: str, name: str) -> None:
    names = ("draft.pdf", "final.pdf", "final.pdf")
    await home.take(*(with_file(message(f"{uid}"), b"%PDF-1", each).as_bytes() for uid, each in enumerate(names)))
    files = [path for path in home.objects() if path.suffix == ".pdf"]
    assert [path.name for path in files] == ["draft.pdf", "final.pdf"]
    (path,) = (path for path in files if path.name == name)
    if kind == "gone":
        path.unlink()
    else:
        damaged(path, kind)
    verify = ["--verify"] if kind == "other" else []
    looked = home.run("repair", "--check", *verify)
    assert (looked.exit_code, "0 raw messages gone, 1 attachments gone" in looked.stdout) == (3, True)
    assert home.run("repair", "--offline", *verify).exit_code == 0
    assert [path.read_bytes() for path in files] == [b"%PDF-1", b"%PDF-1"]
    assert home.run("repair", "--check", "--verify").exit_code == 0


@pytest.mark.parametrize("kind", ["empty", "cut", "other"])
async def test_a_damaged_raw_message_is_never_shown_as_the_exact_bytes_and_is_fetched_again(
    stored: Home, kind: str, tmp_path: Path
) -> None:
    number = stored.value("SELECT id FROM emails WHERE message_id = 'b@x'")
    name = hashlib.sha256(MAIL[1]).hexdigest()
    (path,) = (path for path in stored.objects() if path.stem == name)
    damaged(path, kind)
    with pytest.raises(Incomplete, match="gone or damaged"):
        stored.run("show", str(number), "--raw")
    assert stored.run("export", "--to", str(tmp_path)).exit_code == 3
    assert len(files_below(tmp_path)) == len(MAIL) - 1
    assert stored.run("reparse", "--compare").exit_code == 3
    assert stored.run("reparse").exit_code == 3
    looked = stored.run("repair", "--offline", "--verify")
    assert (looked.exit_code, "1 raw messages gone" in looked.stdout) == (3, True)
    again = stored.run("repair", "--offline")
    assert (again.exit_code, "1 raw messages are damaged" in again.stderr) == (3, True)
    assert stored.value("SELECT count(*) FROM dead_letters") == 0
    await stored.take(*MAIL)
    assert path.read_bytes() == MAIL[1]
    assert stored.run("repair", "--check", "--verify").exit_code == 0


async def test_a_damaged_raw_message_comes_from_the_server_if_that_is_known_to_have_it(stored: Home) -> None:
    name = hashlib.sha256(MAIL[1]).hexdigest()
    with workbench.bench(stored.context.engine) as bench:
        unmade.note(bench, f"work/messages/2026/11/20/{name}.eml", unmade.DAMAGED)
        other = hashlib.sha256(MAIL[2]).hexdigest()
        unmade.note(bench, f"work/messages/2026/11/20/{other}.eml", unmade.PLACELESS)
        rows = stored.value("SELECT count(*) FROM objects")
        unmade.forget(bench)
        assert stored.value("SELECT count(*) FROM objects") == rows - 1
        bench.execute(text("DELETE FROM unmade WHERE why <> :damaged"), {"damaged": unmade.DAMAGED})
        assert (unmade.left(bench), unmade.not_to_come(bench, ["work"]), unmade.not_to_come(bench, [])) == (1, 0, 1)
        stored.change(f"UPDATE email_places SET visible = false WHERE content_sha256 = '{name}'")
        assert unmade.not_to_come(bench, ["work"]) == 1
        await stored.take(*MAIL)
        assert unmade.left(bench) == 0
        unmade.note(bench, f"work/messages/2026/11/20/{name}.eml", unmade.PLACELESS)
        assert unmade.not_to_come(bench, ["work"]) == 2


async def test_objects_of_strangers_and_copies_are_left_alone(stored: Home) -> None:
    (path, *_) = (path for path in stored.objects() if path.suffix == ".eml")
    top = stored.path / "objects" / "mailweir"
    copies = ("backup/" + path.relative_to(top).as_posix(), f"work/messages/undated/{path.name}")
    for name in ("work/messages/notes.txt", "README", "work/messages/x.eml", *copies):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(path.read_bytes())
    before = stored.objects()
    assert WHOLE in stored.run("repair", "--check").stdout
    done = stored.run("repair", "--offline")
    assert (done.exit_code, "0 messages sent" in done.stdout, done.stderr) == (0, True, "")
    assert stored.objects() == before


async def test_half_of_an_account_comes_back_and_the_other_half_stays(stored: Home) -> None:
    await stored.take(*MAIL, account="home")
    stored.change("DELETE FROM emails WHERE account_id = 'work' AND id % 2 = 0")
    stored.change("DELETE FROM objects WHERE account_id = 'work' AND kind = 'attachment'")
    assert stored.run("repair", "home", "--check").exit_code == 0
    assert stored.run("repair", "work", "--offline").exit_code == 0
    assert stored.run("repair", "--check", "--verify").exit_code == 0
    assert stored.value("SELECT count(*) FROM email_places") == 2 * len(MAIL)


async def test_an_object_without_metadata_takes_its_place_from_its_row(stored: Home) -> None:
    (path, *_) = (path for path in stored.objects() if path.suffix == ".eml")
    raw = path.read_bytes()
    path.unlink()
    path.write_bytes(raw)
    stored.change(f"DELETE FROM objects WHERE sha256 = '{path.stem}'")
    before = stored.value("SELECT count(*) FROM email_places")
    assert stored.run("repair", "--offline").exit_code == 0
    assert stored.run("repair", "--check").exit_code == 0
    assert stored.value("SELECT count(*) FROM email_places") == before


async def test_an_object_without_metadata_is_told_and_written_again_with_what_its_row_knows(stored: Home) -> None:
    (path, other, *_) = (path for path in stored.objects() if path.suffix == ".eml")
    before = stored.context.store.stat(path.relative_to(stored.path / "objects" / "mailweir").as_posix())
    for each in (path, other):
        os.removexattr(each, "user.mailweir")
    told = "2 raw messages whose objects do not say where they belong"
    checked = stored.run("repair", "--check", "--verify")
    assert (checked.exit_code, told in checked.stdout) == (0, True)
    done = stored.run("repair", "--offline", "--verify")
    assert (done.exit_code, "2 raw messages written again" in done.stdout) == (0, True)
    assert stored.context.store.stat(path.relative_to(stored.path / "objects" / "mailweir").as_posix()) == before
    places = stored.value("SELECT count(*) FROM email_places")
    stored.change(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    assert stored.run("repair", "--offline", "--verify").exit_code == 0
    assert stored.value("SELECT count(*) FROM email_places") == places
    assert told not in stored.run("repair", "--check", "--verify").stdout


async def test_a_store_that_keeps_no_metadata_is_no_failure(stored: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in stored.objects():
        os.removexattr(path, "user.mailweir")
    monkeypatch.setattr(folder, "describe", lambda *_: None)  # as where a file system has no extended attributes
    done = stored.run("repair", "--offline", "--verify")
    assert (done.exit_code, "\n0 raw messages written again" in done.stdout) == (0, True)
    assert stored.run("repair", "--check", "--verify").exit_code == 0


def picture(*, alone: bool) -> bytes:
    """A message that is a picture, or shows one between two texts: no attachment in the list of RFC 8621."""
    made = EmailMessage()
    made["From"], made["Subject"] = "ada@example.org", f"a picture, alone: {alone}"
    if alone:
        made.set_content(b"GIF89a alone", "image", "gif", disposition="inline", filename="a.gif")
    else:
        made.set_content("before")
        made.add_attachment(b"GIF89a between", "image", "gif", disposition="inline", filename="b.gif")
        made.add_attachment("after", disposition="inline")
    return made.as_bytes()


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("lost", ["object", "row"])
async def test_a_picture_that_the_text_shows_is_a_file_that_comes_back(home: Home, lost: str, *, alone: bool) -> None:
    await home.take(picture(alone=alone))
    of_pictures = "SELECT count(*) FROM attachments JOIN objects USING (account_id, sha256) WHERE name LIKE '_.gif'"
    (before,) = (path for path in home.objects() if path.suffix == ".gif")
    assert home.value(of_pictures) == 1
    if lost == "row":
        home.change("DELETE FROM objects WHERE kind = 'attachment'")
    else:
        before.unlink()
    assert home.run("repair", "--check").exit_code == 3
    assert home.run("repair", "--offline").exit_code == 0
    assert before.read_bytes().startswith(b"GIF89a")
    assert home.value(of_pictures) == 1
    assert home.run("repair", "--check").exit_code == 0
