"""What a well-behaved server answers to each command; hooks may change it afterwards."""

import base64
import re
from dataclasses import dataclass

from tests.fakes.imap_fetch import fetch, quoted, ranges, status, unquoted
from tests.fakes.imap_model import Command, Mailbox, Reply, Script

NO, BAD = b"NO refused", b"BAD unknown or illegal command"


@dataclass
class State:
    """One connection's state."""

    script: Script
    secure: bool
    user: str | None = None
    opened: Mailbox | None = None
    identified: bool = False
    qresync: bool = False

    def capabilities(self) -> bytes:
        """The capability list that is due now."""
        names = self.script.after_sign_in() if self.user else self.script.capabilities
        extra = () if self.secure or self.script.tls == "implicit" else ("STARTTLS",)
        return " ".join((*names, *extra)).encode()

    def has(self, name: str) -> bool:
        """Whether the capability is offered now."""
        return name in self.capabilities().decode().split()


def answer(state: State, command: Command) -> Reply:
    """The honest reply."""
    handler = _HANDLERS.get(command.name)
    if handler is None:
        return Reply(tagged=BAD)
    if command.name not in _ALWAYS and state.user is None:
        return Reply(tagged=b"BAD not signed in")
    return handler(state, command)


def _capability(state: State, _command: Command) -> Reply:
    if state.script.capability_in == "nowhere":
        return Reply(tagged=b"OK")
    return Reply([b"* CAPABILITY " + state.capabilities() + b"\r\n"])


def _simple(_state: State, _command: Command) -> Reply:
    return Reply()


def _logout(_state: State, _command: Command) -> Reply:
    return Reply([b"* BYE see you\r\n"], close=True)


def _id(state: State, _command: Command) -> Reply:
    state.identified = True
    return Reply([b"* ID " + (state.script.id_reply or b"NIL") + b"\r\n"])


def _login(state: State, command: Command) -> Reply:
    user, rest = unquoted(command.arguments)
    secret, _ = unquoted(rest)
    return sign_in(state, user.decode(), secret.decode())


def sign_in(state: State, user: str, secret: str, *, token: bool = False) -> Reply:
    """Tagged answer to a sign-in with these values."""
    known = state.script.tokens if token else state.script.users
    if known.get(user) != secret:
        return Reply(tagged=b"NO [AUTHENTICATIONFAILED] wrong user or code")
    state.user = user
    if state.script.capability_in == "ok":
        return Reply(tagged=b"OK [CAPABILITY " + state.capabilities() + b"] signed in")
    return Reply(tagged=b"OK signed in")


def authenticate(state: State, mechanism: str, message: bytes) -> Reply | None:
    """Answer to a SASL message; None: an OAuth error challenge is due."""
    text = base64.b64decode(message).decode()
    if mechanism == "PLAIN":
        _, user, secret = text.split("\0")
        return sign_in(state, user, secret)
    found = re.search(r"auth=Bearer ([^\x01]+)\x01", text)
    named = re.search(r"user=([^\x01]*)\x01" if mechanism == "XOAUTH2" else r"a=([^,]*),", text)
    token, user = (found[1] if found else ""), (named[1] if named else "")
    reply = sign_in(state, user.replace("=2C", ",").replace("=3D", "="), token, token=True)
    return reply if reply.tagged.startswith(b"OK") else None


def _enable(state: State, command: Command) -> Reply:
    names = [name for name in command.text.upper().split() if state.has(name)]
    state.qresync = state.qresync or "QRESYNC" in names
    return Reply([b"* ENABLED " + " ".join(names).encode() + b"\r\n"])


def _namespace(_state: State, _command: Command) -> Reply:
    return Reply([b'* NAMESPACE (("" "/")) NIL NIL\r\n'])


def _list(state: State, command: Command) -> Reply:
    chunks = []
    for wire, mailbox in state.script.mailboxes.items():
        delimiter = b"NIL" if mailbox.delimiter is None else b'"' + mailbox.delimiter.encode() + b'"'
        attributes = " ".join(mailbox.attributes).encode()
        chunks.append(b"* LIST (" + attributes + b") " + delimiter + b" " + quoted(wire) + b"\r\n")
        if "STATUS" in command.text and "\\Noselect" not in mailbox.attributes:
            chunks.append(status(wire, mailbox, command.text))
    if "RETURN" in command.text and not state.has("LIST-EXTENDED"):
        return Reply(tagged=BAD)
    return Reply(chunks)


def mailbox_of(state: State, wire: bytes) -> Mailbox | None:
    """The mailbox named, INBOX in any case."""
    if wire.upper() == b"INBOX":
        wire = next((name for name in state.script.mailboxes if name.upper() == b"INBOX"), wire)
    return state.script.mailboxes.get(wire)


def _status(state: State, command: Command) -> Reply:
    wire, items = unquoted(command.arguments)
    mailbox = mailbox_of(state, wire)
    if mailbox is None:
        return Reply(tagged=b"NO [NONEXISTENT] no such mailbox")
    return Reply([status(wire, mailbox, items.decode())])


def _examine(state: State, command: Command) -> Reply:
    state.opened = None
    wire, rest = unquoted(command.arguments)
    mailbox = mailbox_of(state, wire)
    if state.script.needs_id and not state.identified:
        return Reply(tagged=b"NO EXAMINE Unsafe Login. Please contact kefu@example.com for help")
    if mailbox is None or "\\Noselect" in mailbox.attributes:
        return Reply(tagged=b"NO [NONEXISTENT] no such mailbox")
    if (b"CONDSTORE" in rest and not state.has("CONDSTORE")) or (b"QRESYNC" in rest and not state.qresync):
        return Reply(tagged=BAD)
    state.opened = mailbox
    chunks = [b"* FLAGS (\\Seen \\Deleted)\r\n", b"* %d EXISTS\r\n" % len(mailbox.messages), b"* 0 RECENT\r\n"]
    if mailbox.uidvalidity is not None:
        chunks.append(b"* OK [UIDVALIDITY %d] ids\r\n" % mailbox.uidvalidity)
    if mailbox.uidnext != 0:
        chunks.append(b"* OK [UIDNEXT %d] next\r\n" % mailbox.next_uid())
    chunks += _modseq(state, mailbox) + _resync(mailbox, rest.decode("latin-1"))
    return Reply(chunks, b"OK [" + mailbox.tag.encode() + b"] opened")


def _modseq(state: State, mailbox: Mailbox) -> list[bytes]:
    chunks = [] if not mailbox.mailboxid else [b"* OK [MAILBOXID (%s)] id\r\n" % mailbox.mailboxid.encode()]
    if not state.has("CONDSTORE") and not state.has("QRESYNC"):
        return chunks
    said = b"NOMODSEQ" if mailbox.nomodseq else b"HIGHESTMODSEQ %d" % mailbox.modseq()
    return [*chunks, b"* OK [" + said + b"] modseq\r\n"]


def _resync(mailbox: Mailbox, argument: str) -> list[bytes]:
    found = re.search(r"QRESYNC \((\d+) (\d+)", argument)
    if found is None or int(found[1]) != mailbox.uidvalidity:
        return []
    since = int(found[2])
    gone = sorted(uid for uid, modseq in mailbox.gone if modseq > since)
    chunks = [b"* VANISHED (EARLIER) %s\r\n" % ",".join(map(str, gone)).encode()] if gone else []
    changed = [x for x in fetch(mailbox, f"1:* (UID FLAGS) (CHANGEDSINCE {since})", qresync=False) if mailbox.messages]
    return chunks + changed


def _fetch(state: State, command: Command) -> Reply:
    text = command.text.partition(" ")[0]
    pairs = ranges(text, 1 << 40)
    if state.opened is None or pairs is None:
        return Reply(tagged=BAD)
    if state.script.strict_ranges and any(low > high for low, high in pairs):
        return Reply(tagged=b"BAD UID parameters")
    chunks = fetch(state.opened, command.text, qresync=state.qresync)
    if state.script.peek_sets_seen and "BODY.PEEK[]" in command.text:
        for message in state.opened.messages:
            message.flags.add("\\Seen")
    return Reply(chunks)


def _search(state: State, command: Command) -> Reply:
    if state.opened is None:
        return Reply(tagged=BAD)
    span = command.text.split()[-1]
    uids = [b"%d" % m.uid for m in state.opened.messages if _inside(m.uid, span)]
    return Reply([b"* SEARCH " + b" ".join(uids) + b"\r\n"])


def _inside(uid: int, span: str) -> bool:
    low, _, high = span.partition(":")
    return int(low) <= uid <= (1 << 40 if high == "*" else int(high))


def _unselect(state: State, _command: Command) -> Reply:
    state.opened = None
    return Reply()


_HANDLERS = {
    "CAPABILITY": _capability, "NOOP": _simple, "LOGOUT": _logout, "ID": _id, "LOGIN": _login, "ENABLE": _enable,
    "NAMESPACE": _namespace, "LIST": _list, "STATUS": _status, "EXAMINE": _examine, "UID FETCH": _fetch,
    "UID SEARCH": _search, "UNSELECT": _unselect, "STARTTLS": _simple,
}  # fmt: skip
_ALWAYS = {"CAPABILITY", "NOOP", "LOGOUT", "ID", "LOGIN", "STARTTLS"}
