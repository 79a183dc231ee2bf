"""Random lives of a mailbox on a real server, and of what is stored of it.

Mail comes, goes, moves and changes, and so do folders; objects, rows and tables are damaged; commands run and are
killed. Raw messages are damaged only while the server still has them: others would be lost for good.
"""

import hashlib
import imaplib
import random
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from services.common.errors import MailweirError
from tests.databases import FILLED
from tests.fakes.mail_events import message, with_file
from tests.integration.commands.conftest import Home

State = dict[tuple[str, int], tuple[str, frozenset[str]]]
NAMES = ("INBOX", "Lists", "Old", "Work")
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "Later")
COMMANDS = (
    "sync",
    "repair",
    "repair --offline",
    "repair --check",
    "reparse",
    "reparse --anew",
    "status",
    "search 合同",
)
OBJECTS = {"gone", "cut", "other"}
_ROWS = ("emails", "email_places", "attachments", "objects", "place_states", "thread_refs", "email_sync_status")
_RECORDS = ("folders", "folder_ledger", "settled_places")
_DAMAGES = ("gone", "cut", "other", "rows", "rows", "rows", "records", "records", "truncated", "dropped", "all")


def folders(client: imaplib.IMAP4_SSL) -> list[str]:
    """Those of ours, with none open."""
    if client.state == "SELECTED":
        client.unselect()
    lines = [line.decode() for line in client.list()[1] if isinstance(line, bytes)]
    return [name for name in NAMES if any(re.search(rf'"?{name}"?$', line) for line in lines)]


def live(client: imaplib.IMAP4_SSL, chance: random.Random, changes: int) -> None:
    """Change the mailbox so many times."""
    for _ in range(changes):
        known = folders(client)
        chance.choices((_arrive, _change, _change_folders), (5, 5, 4))[0](client, chance, known)


def live_at_once(client: imaplib.IMAP4_SSL, chance: random.Random, changes: int) -> None:
    """The same, of what a server with IDLE and NOTIFY tells unasked: mail in any folder, and changes of INBOX."""
    for _ in range(changes):
        known = folders(client)
        act, where = chance.choice(((_arrive, known), (_change, ["INBOX"])))
        act(client, chance, where)


def _arrive(client: imaplib.IMAP4_SSL, chance: random.Random, known: list[str]) -> None:
    flags = " ".join(chance.sample(FLAGS, chance.randrange(3)))
    client.append(chance.choice(known), f"({flags})", "", _mail(chance))


def _mail(chance: random.Random) -> bytes:
    """One of a few hundred, so that some come twice; files are alike in many."""
    number = chance.randrange(300)
    references = {"References": f"<m{number // 3}@x>"} if number % 3 else {}
    made = message(f"letter {number} 合同", f"text {number} 报告", Message_ID=f"<m{number}@x>", **references)
    for name in ("a.pdf", "../../b.zip", "合同.txt")[: number % 4]:
        made = with_file(made, b"file %d" % (number % 7) * (1 + number % 5 * 900), name)
    return made.as_bytes()


def _change(client: imaplib.IMAP4_SSL, chance: random.Random, known: list[str]) -> None:
    if client.select(chance.choice(known))[0] != "OK":  # refused now and then when others read what was just renamed
        return
    found = client.uid("SEARCH", "ALL")[1][0].split()
    if not found:
        return
    uid, what = chance.choice(found).decode(), chance.choice(("flag", "move", "expunge"))
    if what == "flag":
        client.uid("STORE", uid, chance.choice(("+FLAGS", "-FLAGS")), f"({chance.choice(FLAGS)})")
    elif what == "move":
        client.uid("MOVE", uid, chance.choice(known))
    else:
        client.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
        client.expunge()


def _change_folders(client: imaplib.IMAP4_SSL, chance: random.Random, known: list[str]) -> None:
    absent, ours = [name for name in NAMES if name not in known], known[1:]
    what = chance.choice(("create", "rename", "delete"))
    if what == "create" and absent:
        client.create(chance.choice(absent))
    elif what == "rename" and absent and ours:
        client.rename(chance.choice(ours), chance.choice(absent))
    elif what == "delete" and ours:
        client.delete(chance.choice(ours))


def on_server(client: imaplib.IMAP4_SSL) -> State:
    """The hash and the flags of each message, by folder and UID."""
    state: State = {}
    for name in folders(client):
        client.select(name, readonly=True)
        for part in client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])")[1]:
            if isinstance(part, tuple):
                (uid,), (flags,) = re.findall(rb"UID (\d+)", part[0]), re.findall(rb"FLAGS \(([^)]*)\)", part[0])
                sha256 = hashlib.sha256(part[1]).hexdigest()
                state[name, int(uid)] = sha256, frozenset(flags.decode().split()) - {"\\Recent"}
    return state


def damage(home: Home, chance: random.Random, there: set[str]) -> list[str]:
    """Damage something, up to three times; what. ``there``: hashes of the messages that the server has."""
    kinds = chance.choices(_DAMAGES, k=chance.randrange(1, 4))
    last = next((number for number, kind in enumerate(kinds, 1) if kind in {"dropped", "all"}), len(kinds))
    for kind in kinds[:last]:
        _damage(home, chance, there, kind)
    return kinds[:last]


def _damage(home: Home, chance: random.Random, there: set[str], kind: str) -> None:
    if kind in OBJECTS:
        whole = [path for path in home.objects() if path.suffix != ".eml" or path.stem in there]
        for path in chance.sample(whole, min(len(whole), chance.randrange(1, 6))):
            _spoil(path, kind)
    elif kind in {"rows", "records"}:
        table, share = chance.choice(_ROWS if kind == "rows" else _RECORDS), chance.choice((0.2, 0.6, 1))
        home.change(f"SELECT setseed({chance.random()}); DELETE FROM {table} WHERE random() < {share}")
    elif kind == "truncated":
        home.change(f"TRUNCATE {', '.join(chance.sample(FILLED, 2))} CASCADE")
    else:
        home.change(f"DROP TABLE {', '.join(FILLED if kind == 'all' else chance.sample(FILLED, 2))} CASCADE")


def _spoil(path: Path, kind: str) -> None:
    if kind == "gone":
        path.unlink()
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] if kind == "cut" else whole[:-1] + b"\0")


def commands(home: Home, chance: random.Random) -> list[str]:
    """Run some to their end, as well as they can; which."""
    ran = chance.sample(COMMANDS, chance.randrange(3))
    for words in ran:
        with suppress(MailweirError):
            home.run(*words.split())
    return ran


def killed(home: Home, chance: random.Random) -> list[str]:
    """Run some that are killed or interrupted on their way; which."""
    ran = chance.sample(("sync", "repair", "reparse --anew"), chance.randrange(3))
    for words in ran:
        process = home.started(*words.split())
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.2, 1.2))
        process.send_signal(chance.choice((signal.SIGKILL, signal.SIGINT)))
        process.wait(60)
    return ran
