"""Mailboxes that others change while they are read: at any command, told to sessions when a server may tell it.

A session sees what it was told: mail that came is listed after its EXISTS. What is told comes before the answer, inside
it, behind it, or with a later command; sometimes the answer comes in pieces, is refused, or ends the connection.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from tests.fakes.imap_fetch import unquoted
from tests.fakes.imap_model import Command, Hook, Mailbox, Reply, Script, on, sample

FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Label1")
_UID = re.compile(rb"UID (\d+)")
_FROM_HERE = frozenset({"LIST", "EXAMINE", "UID FETCH", "UID SEARCH", "NOOP", "DONE", "ID", "ENABLE", "CAPABILITY"})


@dataclass(slots=True)
class View:
    """What one connection knows of the folder that it opened: UIDs in order, each with the state last told."""

    mailbox: Mailbox | None = None
    told: dict[int, int] = field(default_factory=dict)


@dataclass
class Restless:
    """Changes ``script`` by chance. ``content``: SHA-256 of all mail there ever was, by UIDVALIDITY and UID."""

    script: Script
    chance: Random
    rate: float = 0.5
    trouble: float = 0.02
    content: dict[tuple[int, int], str] = field(default_factory=dict)
    views: dict[int, View] = field(default_factory=dict)
    _number: "count[int]" = field(default_factory=lambda: count(1000))

    def __post_init__(self) -> None:
        for mailbox in self.script.mailboxes.values():
            self._remember(mailbox)
        self.script.hooks.append(self.hook())

    def hook(self) -> Hook:
        """Acts at every command once signed in."""
        return on("*", self._at)

    # what happens to the mail

    def change(self) -> None:
        """One change of one folder, or of the list of folders."""
        self.chance.choices((self._deliver, self._expunge, self._flag, self._folders), (5, 3, 5, 0.5))[0]()

    def _any(self) -> Mailbox:
        return self.chance.choice(list(self.script.mailboxes.values()))

    def _deliver(self) -> None:
        mailbox = self._any()
        number = next(self._number)
        flags = {flag for flag in FLAGS if self.chance.random() < 0.2}
        message = mailbox.deliver(sample(number, self.chance.choice((150, 400, 3000))), flags=flags)
        mailbox.uidnext = message.uid + self.chance.choice((1, 1, 1, 4))
        self._remember(mailbox)

    def _expunge(self) -> None:
        mailbox = self._any()
        if mailbox.messages:
            mailbox.expunge(self.chance.choice(mailbox.messages).uid)

    def _flag(self) -> None:
        mailbox = self._any()
        if mailbox.messages:
            message = self.chance.choice(mailbox.messages)
            message.flags ^= {self.chance.choice(FLAGS)}
            message.modseq = mailbox.modseq() + 1

    def _folders(self) -> None:
        boxes, number = self.script.mailboxes, next(self._number)
        others = [wire for wire in boxes if wire != b"INBOX"]
        what = self.chance.choice(("create", "rename", "delete", "anew"))
        if what == "create" and len(boxes) < 6:
            boxes[b"F%d" % number] = Mailbox(uidvalidity=number, uidnext=1, mailboxid=f"M{number}")
        elif what == "rename" and others:
            boxes[b"F%d" % number] = boxes.pop(self.chance.choice(others))
        elif what == "delete" and len(others) > 1:
            del boxes[self.chance.choice(others)]
        elif what == "anew" and others:  # another folder of the same name
            boxes[self.chance.choice(others)] = Mailbox(uidvalidity=number, uidnext=1, mailboxid=f"M{number}")

    def _remember(self, mailbox: Mailbox) -> None:
        assert mailbox.uidvalidity is not None
        mailbox.uidnext = mailbox.next_uid()
        for message in mailbox.messages:
            self.content[mailbox.uidvalidity, message.uid] = hashlib.sha256(message.raw).hexdigest()

    # what is told of it

    def _at(self, command: Command, reply: Reply) -> Reply | None:
        if command.name not in _FROM_HERE or reply.raw is not None or not reply.tagged:
            return None
        view = self.views.setdefault(command.connection, View())
        if command.name == "EXAMINE":
            self._opened(view, command, reply)
        elif command.name == "UID FETCH":
            reply.untagged = [chunk for chunk in reply.untagged if _seen(chunk, view)]
        while self.chance.random() < self.rate:
            self.change()
        self._tell(command, view, reply)
        return self._troubled(reply)

    def _opened(self, view: View, command: Command, reply: Reply) -> None:
        before = self._news(view, command) if self.chance.random() < 0.5 else []
        closed = [b"* OK [CLOSED] the last one\r\n"] if view.mailbox and self._has("QRESYNC") else []
        reply.untagged = [*before, *closed, *reply.untagged]
        view.mailbox = None
        if reply.tagged.startswith(b"OK"):
            view.mailbox = self.script.mailboxes[unquoted(command.arguments)[0]]
            view.told = {message.uid: message.modseq for message in view.mailbox.messages}

    def _tell(self, command: Command, view: View, reply: Reply) -> None:
        where = self.chance.choice(("inside", "before", "behind", "later"))
        if where == "later" and command.name not in {"NOOP", "DONE"}:
            return
        news = self._news(view, command)
        if where == "behind":
            reply.after = b"".join(news)
        else:
            place = self.chance.randint(0, len(reply.untagged)) if where == "inside" else len(reply.untagged)
            place = len(reply.untagged) if command.name == "EXAMINE" else place
            reply.untagged = [*reply.untagged[:place], *news, *reply.untagged[place:]]

    def _news(self, view: View, command: Command) -> list[bytes]:
        """What changed in the open folder since this connection was told last."""
        if view.mailbox is None:
            return []
        now = {message.uid: message for message in view.mailbox.messages}
        lines = self._gone(view, [uid for uid in view.told if uid not in now])
        new = [uid for uid in now if uid not in view.told]
        if new:
            lines.append(b"* %d EXISTS\r\n" % len(now))
            view.told |= {uid: now[uid].modseq for uid in new}
        for number, (uid, modseq) in enumerate(list(view.told.items()), 1):
            if now[uid].modseq != modseq:
                view.told[uid] = now[uid].modseq
                lines.append(self._flags(number, view.mailbox, uid, command))
        if lines and self._has("CONDSTORE") and self.chance.random() < 0.5:
            lines.append(b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % view.mailbox.modseq())
        return lines

    def _gone(self, view: View, uids: list[int]) -> list[bytes]:
        if self._has("QRESYNC"):
            lines = [b"* VANISHED %s\r\n" % b",".join(b"%d" % uid for uid in uids)] if uids else []
        else:
            numbers = [number for number, uid in enumerate(view.told, 1) if uid in uids]
            lines = [b"* %d EXPUNGE\r\n" % number for number in reversed(numbers)]
        for uid in uids:
            del view.told[uid]
        return lines

    def _flags(self, number: int, mailbox: Mailbox, uid: int, command: Command) -> bytes:
        message = next(message for message in mailbox.messages if message.uid == uid)
        named = command.name.startswith("UID") or self._has("QRESYNC")
        parts = [b"UID %d" % uid] * named + [b"FLAGS (%s)" % " ".join(sorted(message.flags)).encode()]
        parts += [b"MODSEQ (%d)" % message.modseq] * self._has("CONDSTORE")
        return b"* %d FETCH (" % number + b" ".join(parts) + b")\r\n"

    def _has(self, capability: str) -> bool:
        return capability in self.script.after_sign_in()

    # what goes wrong with it

    def _troubled(self, reply: Reply) -> Reply | None:
        troubles: tuple[Callable[[Reply], Reply | None], ...] = (self._cut, self._refused, self._dribbled)
        return self.chance.choice(troubles)(reply) if self.chance.random() < self.trouble else None

    def _cut(self, reply: Reply) -> Reply | None:
        reply.cut = self.chance.randint(0, 300)
        return None

    def _refused(self, reply: Reply) -> Reply | None:
        reply.tagged = self.chance.choice((b"NO not now", b"BAD what", b"NO [UNAVAILABLE] later"))
        return None

    def _dribbled(self, reply: Reply) -> Reply | None:
        reply.pace = (self.chance.choice((1, 7, 100)), 0.0)
        return None


def _seen(chunk: bytes, view: View) -> bool:
    """Whether a session that was told so much gets this response."""
    found = _UID.search(chunk[:200])
    return found is None or int(found[1]) in view.told
