"""Servers that mislead in several ways at once: each of them once cost a message."""

import re
from collections.abc import Callable
from functools import partial
from itertools import count

from tests.fakes.imap_model import (
    Action,
    Command,
    Mailbox,
    Message,
    Reply,
    Script,
    adds,
    changes,
    closes,
    messages,
    on,
    sample,
    says,
)  # fmt: skip
from tests.fakes.imap_scenarios import QRESYNC, SCENARIOS, Place, Scenario, inbox
from tests.fakes.imap_variants import add, hooked, reply_with

BODY, LISTING, SIZES = "BODY.PEEK[]", "(UID FLAGS)", "RFC822.SIZE)"
SILENT = reply_with(silent=True)


def frozen_view(script: Script) -> Script:
    """A session is told the flags of the moment when it opened the folder."""
    view: dict[int, bytes] = {}

    def opens(command: Command, _reply: Reply) -> None:
        box = script.mailboxes[command.arguments.strip(b'"')]
        view.update({m.uid: " ".join(sorted(m.flags)).encode() for m in box.messages})

    def tells(chunk: bytes) -> bytes:
        uid = re.search(rb"UID (\d+)", chunk)
        return re.sub(rb"(?<=FLAGS \()[^)]*", lambda _: view[int(uid[1])], chunk) if uid else chunk

    script.hooks += [on("EXAMINE", opens), on("UID FETCH", changes(tells))]
    return script


def _for_five(tagged: bytes) -> Action:
    return lambda _command, reply: Reply(tagged=tagged) if any(b"UID 5 " in c for c in reply.untagged) else reply


def _not_five_in_groups(_command: Command, reply: Reply) -> None:
    if len(reply.untagged) > 1:
        reply.untagged = [chunk for chunk in reply.untagged if b"UID 5 " not in chunk]


def _section(unasked: bytes) -> Action:
    return changes(lambda chunk: chunk.replace(b" BODY[] ", b" " + unasked + b" BODY[] "))


# sections, flags and names that nobody asked for
hooked("header_before_the_body", on("UID FETCH", _section(b"BODY[HEADER] {4}\r\nA: b"), has=BODY))
hooked("text_in_a_line_of_its_own", on("UID FETCH", adds("* 5 FETCH (UID 5 BODY[TEXT] {3}\r\nabc)"), has=BODY))
hooked("nul_in_flags", on("UID FETCH", changes(lambda chunk: chunk.replace(b"FLAGS ()", b"FLAGS (a\0b)"))))
hooked("nul_in_a_folder_name", on("LIST", adds(b'* LIST () "/" {3}\r\na\0b')), exits=(3,))
add("nul_in_modified_utf7", lambda: Script({b"INBOX": Mailbox(messages(2)), b"&AAA-": Mailbox(messages(2))}))

# listings
BIG = on("UID FETCH", lambda c, r: Reply(tagged=b"NO too many") if "*" in c.text.split()[0] else r, has=LISTING)
hooked("everything_is_too_much", BIG, on("UID SEARCH", says("BAD no")))
hooked(
    "listing_ends_after_five",
    on("UID FETCH", lambda _c, reply: setattr(reply, "untagged", reply.untagged[:5]), has=LISTING),
    on("UID SEARCH", says("NO")),
)
hooked("listing_with_a_hole", on("UID FETCH", _not_five_in_groups, has=LISTING), on("UID SEARCH", says("NO")))
EMPTY = changes(lambda c: b"* 0 EXISTS\r\n" if b"EXISTS" in c else b"* OK [UIDNEXT 1] x\r\n" if b"UIDNEXT" in c else c)
hooked("never_had_mail", on("EXAMINE", EMPTY))
hooked("empty_list_once", on("LIST", says("OK nothing"), times=1))
hooked("inbox_twice", on("LIST", adds('* LIST (\\Noselect) "/" "inbox"')))

# bodies
hooked("noop_bad_and_one_left_out", on("UID FETCH", _not_five_in_groups, has=BODY), on("NOOP", says("BAD what")))
hooked("no_date_of_one", on("UID FETCH", _for_five(b"BAD internal date"), has="INTERNALDATE"))
LIE = on("UID FETCH", changes(lambda c: c.replace(b"RFC822.SIZE ", b"RFC822.SIZE 99999999")), has=SIZES)
for kind, action in {"bad": says("BAD no"), "closes": closes(), "hangs": SILENT}.items():
    hooked(f"wild_sizes_and_pieces_{kind}", LIE, on("UID FETCH", action, has=f"{BODY}<"))


def _arriving(times: int, *, told: bool) -> Scenario:
    script, turns = inbox(6), count()
    box = script.mailboxes[b"INBOX"]

    def deliver(_command: Command, reply: Reply) -> None:
        if next(turns) < times:
            box.deliver(sample(100 + len(box.messages)))
            reply.untagged += [b"* %d EXISTS\r\n" % len(box.messages)] * told

    tell = on("NOOP", lambda _c, reply: reply.untagged.append(b"* %d EXISTS\r\n" % len(box.messages)))
    script.hooks += [on("UID FETCH", deliver, has=BODY), tell]
    return Scenario(script)


SCENARIOS["mail_comes_eight_times"] = lambda: _arriving(8, told=True)
SCENARIOS["mail_comes_unheard"] = lambda: _arriving(3, told=False)


# names for contents that lie
def _named(name: Callable[[int], str]) -> Callable[[], Script]:
    def box(first: int) -> Mailbox:
        return Mailbox([Message(n, sample(first + n), emailid=name(n)) for n in range(1, 5)])

    return lambda: Script({b"INBOX": box(10), b"Work": box(20)}, capabilities=("IMAP4rev1", "OBJECTID"))


add("emailid_is_constant", _named(lambda _n: "SAME"))
add("emailid_is_the_uid", _named(lambda n: f"E{n}"))


# commands and folders that end connections
def _hangs_up_on(name: str, command: str, has: str = "") -> None:
    capabilities = (*QRESYNC, "AUTH=PLAIN")
    add(f"hangs_up_on_{name}", lambda: inbox(6, on(command, closes(), has=has), capabilities=capabilities))


_hangs_up_on("authenticate", "AUTHENTICATE")
_hangs_up_on("list", "LIST", "RETURN")
_hangs_up_on("examine", "EXAMINE", "CONDSTORE")
_hangs_up_on("sizes", "UID FETCH", SIZES)


def _bad_folder(name: str, action: Action) -> None:
    def make() -> Script:
        boxes = {wire: Mailbox(messages(2)) for wire in (b"INBOX", b"Alpha", b"Beta")}
        return Script(boxes, hooks=[on("EXAMINE", action, has="Alpha")])

    read: set[Place] = {(wire, uid) for wire in (b"INBOX", b"Beta") for uid in (1, 2)}
    add(f"first_folder_{name}", make, stored=read, exits=(3,), state=("ok", "network", "unknown"))


_bad_folder("closes", closes())
_bad_folder("hangs", SILENT)
_bad_folder("garbles", lambda *_: Reply(raw=b"ZZ OK\r\n"))


# later runs
def _swap_unseen(script: Script) -> None:
    box = script.mailboxes[b"INBOX"]
    box.uidnext = 13
    box.expunge(3)
    box.messages.append(Message(13, sample(13), modseq=box.modseq() + 1))


def _lists_nothing(script: Script) -> None:
    script.hooks.append(on("LIST", says("OK nothing")))
    script.mailboxes[b"Work"].deliver(sample(9))


SCENARIOS["one_for_one_behind_uidnext"] = lambda: Scenario(
    inbox(12, capabilities=("IMAP4rev1", "CONDSTORE")), between=_swap_unseen
)
SCENARIOS["list_is_empty_later"] = lambda: Scenario(
    Script({b"INBOX": Mailbox(messages(2)), b"Work": Mailbox(messages(2))}), between=_lists_nothing, exits=(3,)
)


# answers that look finished
def _cut_at(rest: bytes) -> Callable[[], Script]:
    raw = b"Subject: five\r\n\r\nto here\r\n"
    short = changes(lambda c: c.replace(b"{%d}" % len(raw + rest), b"{%d}" % len(raw)) if b"UID 5 " in c else c)

    def make() -> Script:
        script = inbox(12, on("UID FETCH", short, has=BODY))
        script.mailboxes[b"INBOX"].messages[4].raw = raw + rest
        return script

    return make


for kind, rest in {
    "end": b")\r\n",
    "flags": b" FLAGS ())\r\nand on\r\n",
    "lines": b")\r\n* 12 EXISTS\r\nx\r\n",
}.items():
    add(f"cut_where_its_{kind}_may_be", _cut_at(rest), quarantined={(b"INBOX", 5)}, exits=(3,))

PIECE = changes(
    lambda c: re.sub(rb"BODY\[\] \{\d+\}\r\n.{60}.*\)\r\n$", b"BODY[]<0> {3}\r\nabc)\r\n", c, flags=re.DOTALL)
)
hooked("a_piece_once", on("UID FETCH", PIECE, has=BODY, times=1))
SENSELESS = Reply(raw=b"what is this\r\n" * 30_000)
hooked("senseless_lines", on("UID FETCH", lambda *_: SENSELESS, has=BODY, times=1))
for kind, text in {"no": "NO cannot", "bad": "BAD cannot", "nothing": "OK done"}.items():
    refuses = on("UID FETCH", says(text), has=BODY)
    add(f"sends_no_message_{kind}", partial(inbox, 150, refuses), stored=set(), exits=(3,))


# folders and mail that go and come back
def _two_folders() -> Script:
    return Script({b"INBOX": Mailbox(messages(3)), b"Work": Mailbox(messages(4), uidvalidity=3)})


def _hide_work(script: Script) -> None:
    script.hooks.append(on("LIST", changes(lambda chunk: b"" if b"Work" in chunk else chunk)))


def _parents() -> Script:
    boxes = {b"Old/%d" % n: Mailbox([Message(1, sample(n))], uidvalidity=5) for n in range(12)}
    return Script({b"INBOX": Mailbox(messages(2)), **boxes})


def _rename_parent(script: Script) -> None:
    for wire in [wire for wire in script.mailboxes if wire.startswith(b"Old")]:
        script.mailboxes[wire.replace(b"Old", b"New")] = script.mailboxes.pop(wire)


def _other_letters(script: Script) -> None:
    script.mailboxes = {b"Inbox": script.mailboxes[b"INBOX"]}
    script.mailboxes[b"Inbox"].deliver(sample(77))


def _backup(script: Script) -> None:
    del script.mailboxes[b"INBOX"].messages[20:]


def _used_uids(script: Script) -> None:
    for number in (777, 778):
        script.mailboxes[b"INBOX"].deliver(sample(number))


def _backup_and_new_mail(script: Script) -> None:
    _backup(script)
    _used_uids(script)


hooked("nil_for_attributes", on("LIST", changes(lambda chunk: chunk.replace(b"LIST ()", b"LIST NIL"))))
SCENARIOS["folder_is_hidden_twice"] = lambda: Scenario(
    _two_folders(), between=_hide_work, then=lambda script: script.mailboxes[b"INBOX"].deliver(sample(9))
)
SCENARIOS["parent_is_renamed"] = lambda: Scenario(_parents(), between=_rename_parent)
SCENARIOS["inbox_in_other_letters"] = lambda: Scenario(
    inbox(4), between=_other_letters, stored={(b"INBOX", uid) for uid in range(1, 6)}
)
SCENARIOS["backup_is_brought_back"] = lambda: Scenario(inbox(60), between=_backup, then=_used_uids)
SCENARIOS["backup_and_new_mail_at_once"] = lambda: Scenario(inbox(60), between=_backup_and_new_mail)
