"""``--json`` of every command: JSON and nothing else on standard output, whatever there is to tell."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from services.cli.main import cli
from services.front.embedded import publisher
from tests.commands_page import properties, with_json
from tests.fakes.mail_events import fetched, message
from tests.integration.commands.conftest import Home

HOSTILE = message("\u202e\U0001f4a9 \x1b[2J", "a\u2028b\x9bc").as_bytes()
# What the command is given, and with nothing there: its exit code and how many values it prints. One with stored mail
# prints a value for each line, or one over several lines.
SAID = {
    "status": ((), 0, [[]]),
    "ledger": ((), 0, []),
    "sync": (("--timeout", "1"), 2, []),
    "search": (("ada",), 0, []),
    "show": (("1",), 2, []),
    "accounts list": ((), 0, [[]]),
    "accounts show": (("work",), 2, []),
    "accounts folders": (("work",), 2, []),
    "check": (("work",), 2, []),
    "users list": ((), 0, [[]]),
    "dlq list": ((), 0, []),
    "repair": (("--check",), 0, None),
    "reparse": (("--compare",), 0, []),
    "parse": (("nothing.eml",), 3, []),
    "stack status": ((), 1, []),
}
# With mail and an account whose server does not answer: how it ends, and how many values it prints.
FULL = {
    "status": (0, 1),
    "ledger": (0, 1),
    "sync": (3, 1),
    "search": (0, 5),
    "accounts list": (0, 1),
    "accounts show": (0, 1),
    "accounts folders": (5, 0),
    "check": (5, 1),
    "users list": (0, 1),
    "dlq list": (0, 2),
    "repair": (3, 1),
    "reparse": (0, 1),
}


def values(text: str) -> list[Any]:
    """Each JSON value of an output; anything else is an error."""
    found, decoder, rest = [], json.JSONDecoder(), text
    while rest:
        value, end = decoder.raw_decode(rest)
        assert rest[end] == "\n", f"no end of line: {rest[end:][:50]!r}"
        found.append(value)
        rest = rest[end + 1 :]
    return found


def test_every_command_is_looked_at() -> None:
    assert set(SAID) == set(with_json(cli))


def test_where_nothing_is_each_says_so(home: Home) -> None:
    for command, (words, code, said) in SAID.items():
        done = home.process(*command.split(), *words, "--json")
        assert done.returncode == code, (command, done.stderr)
        assert said is None or values(done.stdout) == said, (command, done.stdout)
        assert (code == 0) == (done.stderr == ""), (command, done.stderr)
    assert values(home.process("repair", "--check", "--json").stdout)[0]["tables"] == []


LEDGER = """INSERT INTO folders (id, account, wire, name, state)
VALUES ('work-INBOX', 'work', 'INBOX', E'a\\u202e\\x1b[2J', 'active');
INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed) VALUES ('work-INBOX', 1, 1700000000, '{[9,10)}');
INSERT INTO console_users (name, role) VALUES ('ann', 'user')"""


async def test_what_is_there_is_told_in_json_alone(stored: Home, account: str) -> None:
    """Also names and texts of strangers, and where the server does not answer."""
    bad = replace(fetched(b"x", 6), contentsha256="0" * 64)
    await publisher(stored.context).publish([fetched(HOSTILE, 5), bad])
    stored.change(LEDGER)
    stored.change("UPDATE email_places SET email_id = NULL WHERE uid = 1")
    stored.change("UPDATE emails SET subject = 'another' WHERE message_id = 'b@x'")
    for command, (code, count) in FULL.items():
        done = stored.process(*command.split(), *SAID[command][0], "--json")
        assert (done.returncode, len(values(done.stdout))) == (code, count), (command, done.stdout, done.stderr)
        assert not set(done.stdout) & set("\x1b\x9b\u202e\u2028"), command


@pytest.mark.parametrize("lost", ["DROP TABLE emails CASCADE", "ALTER TABLE emails DROP COLUMN subject CASCADE"])
def test_tables_that_are_gone_are_told_to_programs(home: Home, lost: str) -> None:
    home.change(lost)
    done = home.process("repair", "--check", "--json")
    home.run("repair", "--offline")
    (told,) = values(done.stdout)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert set(told) == properties("`repair --check", "one object")
    assert "emails" in told.pop("tables")
    assert set(told.values()) == {None}
