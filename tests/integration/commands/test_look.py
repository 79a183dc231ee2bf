"""search, show, export: the commands on real embedded stores."""

import hashlib
import json
import mailbox
from pathlib import Path

import pytest

from services.common.accounts.store import Account
from services.common.errors import ConfigurationError
from services.front.embedded import publisher
from tests.fakes.mail_events import fetched, message, with_file
from tests.integration.commands.conftest import MAIL, Home


@pytest.mark.parametrize(
    ("words", "subjects"),
    [
        ("合同", ["Re: 合同", "第三季度合同"]),
        ("同", ["Re: 合同", "第三季度合同"]),
        ("三季", ["第三季度合同"]),
        ("invo", ["Invoice 7"]),
        ("INVOICE example.org", ["Invoice 7"]),
        ("ada@example", ["Invoice 7", "Re: 合同", "[31mred", "第三季度合同"]),
        ("evil.exe", ["Invoice 7"]),
        ("' & | ! <-> :* \\ evil", ["Invoice 7"]),
        ("nothing", []),
    ],
)
async def test_search_finds_words_and_their_beginnings(stored: Home, words: str, subjects: list[str]) -> None:
    found = [line["subject"].replace("\x1b", "") for line in stored.lines("search", words, "--json")]
    assert sorted(found) == sorted(subjects)


@pytest.mark.parametrize("words", ["' & | ! <-> :* \\", " ", "€", "x" * 200])
@pytest.mark.parametrize("command", [("search",), ("export", "--to", "all.mbox", "--format", "mbox", "--query")])
def test_words_by_which_nothing_can_be_found_are_told(
    stored: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="holds nothing that can be looked for: words are letters"):
        stored.run(*command, words)
    assert list(tmp_path.iterdir()) == []


async def test_search_by_account_folder_and_day(stored: Home) -> None:
    assert len(stored.lines("search", "ada", "--account", "work", "--folder", "INBOX", "--json")) == 4
    assert stored.lines("search", "ada", "--since", "2026-11-21", "--json") == []
    assert len(stored.lines("search", "ada", "--since", "2026-11-20", "--before", "2026-11-21", "--json")) == 4


@pytest.mark.parametrize("command", [("search", "ada"), ("export", "--to", "-", "--format", "mbox"), ("reparse",)])
@pytest.mark.parametrize("side", [("--account", "other"), ("--folder", "Inbxo")])
async def test_an_account_or_folder_that_is_not_there_is_told(
    stored: Home, command: tuple[str, ...], side: tuple[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match=f"{side[1]}.*shows them"):
        stored.run(*command, *side)


async def test_the_account_of_a_search_may_be_named_by_its_address(stored: Home) -> None:
    account = Account(slug="work", host="h.example.org", user="ada@example.org")
    stored.context.accounts.add(account)
    try:
        assert len(stored.lines("search", "ada", "--account", "Ada@example.org", "--json")) == 4
    finally:
        stored.context.accounts.remove("work")


async def test_nothing_of_a_stranger_moves_the_cursor(stored: Home) -> None:
    (found,) = stored.lines("search", "escape", "--json")
    for words in (("search", "ada"), ("show", str(found["id"])), ("show", str(found["id"]), "--text")):
        assert "\x1b" not in stored.run(*words).stdout.replace("\x1b[0m", "").replace("\x1b[1m", "")


async def test_names_that_nobody_would_see_are_seen(home: Home) -> None:
    raw = with_file(message("unseen", "x", Message_ID="<u1@x>"), b"%PDF-1", "\u3164").as_bytes()
    await publisher(home.context).publish([fetched(raw, folder="\u200b")])
    (found,) = home.lines("search", "unseen", "--json")
    assert found["folders"] == ["\u200b"]
    assert "│ � " in home.run("search", "unseen").stdout
    shown = home.run("show", str(found["id"])).stdout
    assert "Place:     work / � / UID 1" in shown
    assert "File:      �, application/pdf" in shown
    assert shown.count("/�\n") == 1  # the end of its key


async def test_json_of_a_stranger_moves_no_cursor_and_says_the_same(home: Home) -> None:
    await home.take(message("invoice \u202eback", "body \x9b1m \x1b[2J", Message_ID="<c1@x>").as_bytes())
    (found,) = home.lines("search", "invoice", "--json")
    assert (found["subject"], found["preview"]) == ("invoice \u202eback", "body 1m [2J")
    parsed = json.loads(home.run("show", str(found["id"]), "--json").stdout)
    assert "body \x9b1m \x1b[2J" in parsed["bodyValues"]["1"]["value"]
    for words in (("search", "invoice"), ("show", str(found["id"])), ("export", "--to", "-", "--format", "jsonl")):
        for form in ((), ("--json",)) if words[0] != "export" else ((),):
            assert not {"\x9b", "\u202e"} & set(home.run(*words, *form).stdout), words


async def test_show_gives_the_exact_bytes_and_the_parsed_object(stored: Home) -> None:
    (found,) = stored.lines("search", "三季", "--json")
    number, sha256 = str(found["id"]), hashlib.sha256(MAIL[0]).hexdigest()
    assert stored.run("show", number, "--raw").stdout_bytes == MAIL[0]
    email = json.loads(stored.run("show", sha256[:8], "--json").stdout)
    assert (email["id"], email["mailweir"]["place"]["uid"]) == (sha256, 1)
    shown = stored.run("show", number).stdout
    assert "合同.pdf" in shown
    assert "请查收附件" in shown


async def test_a_hash_is_found_in_every_account_and_a_number_before_it(stored: Home) -> None:
    await stored.take(message("only here").as_bytes(), account="home")
    await stored.take(MAIL[0], account="zoo")
    sha256 = stored.value("SELECT content_sha256 FROM emails WHERE account_id = 'home'")
    for length in (6, 12, 64):
        assert "only here" in stored.run("show", sha256[:length]).stdout
        assert "only here" in stored.run("show", sha256[:length].upper()).stdout
    with pytest.raises(ConfigurationError, match="several messages"):
        stored.run("show", hashlib.sha256(MAIL[0]).hexdigest())
    stored.change("UPDATE emails SET content_sha256 = '123456' || right(content_sha256, 58)")
    other = json.dumps({"id": 123456, "account_id": "one", "subject": "by number"})
    copied = f"SELECT (jsonb_populate_record(e, $${other}$$)).* FROM emails e LIMIT 1"
    stored.change(f"INSERT INTO emails OVERRIDING SYSTEM VALUE {copied}")
    assert "by number" in stored.run("show", "123456").stdout


@pytest.mark.parametrize("name", ["合同　2026.pdf", "a  b   c.pdf", "a\u00a0b.pdf", "\u202egpj\x1b[2J.pdf"])
async def test_a_key_that_is_shown_leads_to_its_object(home: Home, name: str) -> None:
    """With the spaces that the name has: whoever copies it finds the file."""
    await home.take(with_file(message("Files"), b"%PDF-1", name).as_bytes())
    shown = home.run("show", home.value("SELECT content_sha256 FROM emails")).stdout
    key = next(line for line in shown.splitlines() if line.startswith("File:")).partition(" octets: ")[2]
    assert home.context.store.read(key) == b"%PDF-1"


async def test_files_are_shown_in_the_order_of_the_message(home: Home) -> None:
    names = [f"{letter}.pdf" for letter in "qwertyuiopasdf"]
    made = message("many files", Message_ID="<many@x>")
    for name in names:
        with_file(made, name.encode(), name)
    await home.take(made.as_bytes())
    told = home.run("show", str(home.value("SELECT id FROM emails"))).stdout
    assert [line.split()[1].rstrip(",") for line in told.splitlines() if line.startswith("File:")] == names


async def test_an_unknown_id_is_one_line(stored: Home) -> None:
    with pytest.raises(ConfigurationError, match="no message with this id"):
        stored.run("show", "ffffffffff")


async def test_export_in_three_forms(stored: Home, tmp_path: Path) -> None:
    assert stored.run("export", "--to", str(tmp_path / "eml")).exit_code == 0
    assert sorted(path.read_bytes() for path in (tmp_path / "eml").rglob("*.eml")) == sorted(MAIL)
    assert stored.run("export", "--format", "mbox", "--to", str(tmp_path / "all.mbox")).exit_code == 0
    box = mailbox.mbox(tmp_path / "all.mbox")
    assert len(box) == 4
    box.close()
    assert b"\n>From here it works\n>>From there too" in (tmp_path / "all.mbox").read_bytes()
    lines = stored.lines("export", "--format", "jsonl", "--to", "-", "--query", "合同")
    assert {line["subject"] for line in lines} == {"Re: 合同", "第三季度合同"}


def test_a_path_that_cannot_be_used_is_one_line(stored: Home, tmp_path: Path) -> None:
    (tmp_path / "fi\x1b[31mle").write_text("")
    for form in ("eml", "mbox"):
        done = stored.process("export", "--format", form, "--to", str(tmp_path / "fi\x1b[31mle" / "below"))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"mailweir: {tmp_path}/fi\ufffd[31mle/below: Not a directory\n"


async def test_a_conversation_is_one_thread(stored: Home) -> None:
    threads = {line["thread_id"] for line in stored.lines("search", "合同", "--json")}
    assert len(threads) == 1


@pytest.mark.parametrize("words", [("repair", "\udcff"), ("reparse", "--folder", "\udcff"), ("status", "\udcff")])
async def test_names_that_are_no_text_are_nobodys(stored: Home, words: tuple[str, ...]) -> None:
    done = stored.process(*words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert r"\udcff" in done.stderr


async def test_no_folder_is_not_every_folder(stored: Home) -> None:
    with pytest.raises(ConfigurationError, match="no folder is called ''"):
        stored.run("reparse", "--folder", "")
