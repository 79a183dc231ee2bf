"""More named servers for runs of the commands: folders, capabilities, sign-in, later runs."""

from collections.abc import Callable
from itertools import count

from tests.fakes.imap_model import (
    Action,
    Command,
    Hook,
    Mailbox,
    Message,
    Reply,
    Script,
    adds,
    closes,
    folder,
    messages,
    on,
    says,
)  # fmt: skip
from tests.fakes.imap_scenarios import QRESYNC, SCENARIOS, Scenario, inbox
from tests.fakes.imap_variants import NOTHING, add, hooked, lowered, reply_with


def _box(script: Script) -> Mailbox:
    return script.mailboxes[b"INBOX"]


def _replace(**values: object) -> Callable[[Script], None]:
    def change(script: Script) -> None:
        for name, value in values.items():
            setattr(_box(script), name, value)

    return change


def _grow_and(**values: object) -> Callable[[Script], None]:
    def change(script: Script) -> None:
        _box(script).deliver(b"new")
        _replace(**values)(script)

    return change


hooked("examine_refused_once", on("EXAMINE", says("NO [UNAVAILABLE] wait"), times=1), exits=(0,))
hooked("examine_closes_once", on("EXAMINE", closes("* BYE restart"), times=1))
hooked("exists_told_twice", on("EXAMINE", adds("* 3 EXISTS", "* 9 EXISTS")))
hooked("exists_too_low", on("EXAMINE", adds("* 3 EXISTS", first=False)))
hooked("exists_none", on("EXAMINE", adds("* 0 EXISTS", first=False)))
hooked("exists_too_high", on("EXAMINE", adds("* 15 EXISTS", first=False)), exits=(0, 3))
hooked(
    "broken_codes", on("EXAMINE", adds("* OK [PERMANENTFLAGS (\\*", "* OK [UIDNEXT]", "* OK [", "* FLAGS (", "* OK []"))
)
hooked("read_write_unsaid", on("EXAMINE", reply_with(tagged=b"OK opened")))
add("read_write", lambda: Script({b"INBOX": Mailbox(messages(5), tag="READ-WRITE")}), exits=(0, 3))
add("uids_above_two_to_31", lambda: Script({b"INBOX": Mailbox(messages(12, first=3_000_000_000, step=100_000_000))}))
add("highest_uid", lambda: Script({b"INBOX": Mailbox(messages(3, first=4_294_967_293), uidnext=4_294_967_295)}))
add("uidvalidity_zero", lambda: Script({b"INBOX": Mailbox(messages(3), uidvalidity=0)}), exits=(0, 3))
add("uidvalidity_of_33_bits", lambda: Script({b"INBOX": Mailbox(messages(3), uidvalidity=1 << 32)}), exits=(0, 3))
add("truly_empty", lambda: Script({b"INBOX": Mailbox([*messages(2), Message(3, b"")])}), exits=(0,))


def _two(*hooks: Hook, **values: object) -> Script:
    boxes = {b"INBOX": Mailbox(messages(4)), b"Shared": Mailbox(messages(3))}
    return Script(boxes, hooks=list(hooks), **values)  # type: ignore[arg-type]


TWELVE = {(b"INBOX", n) for n in range(1, 13)}
FOUR = {(b"INBOX", n) for n in range(1, 5)}
for name, text in {"no": "NO broken", "noperm": "NO [NOPERM] not yours", "nonexistent": "NO [NONEXISTENT] gone",
                   "bad": "BAD no", "unavailable": "NO [UNAVAILABLE] later"}.items():  # fmt: skip
    hook = on("EXAMINE", says(text), has="Shared")
    add(f"one_folder_{name}", lambda hook=hook: _two(hook), stored=FOUR, exits=(3,), state=("ok", "temporary"))  # type: ignore[misc]
add("one_folder_closes", lambda: _two(on("EXAMINE", closes(), has="Shared")), stored=FOUR, exits=(3,),
     state=("network", "ok"))  # fmt: skip

hooked("list_is_empty", on("LIST", says("OK nothing")))
hooked("list_refused_once", on("LIST", says("NO [UNAVAILABLE] wait"), times=1))
hooked("list_twice", on("LIST", lambda _c, reply: setattr(reply, "untagged", reply.untagged * 2)))
hooked("list_lower_case", on("LIST", lowered))
hooked("list_atoms", on("LIST", says("OK", "* LIST () NIL INBOX")))
hooked("list_no_attributes", on("LIST", adds('* LIST "/" x', "* LIST () ", '* LIST (\\Noselect) "/" ""')), exits=(0, 3))
hooked("list_nonexistent", on("LIST", adds('* LIST (\\NonExistent) "/" Old', '* LIST (\\Noselect \\X) "/" "Group"')))
hooked("list_names_a_ghost", on("LIST", adds('* LIST () "/" Ghost')), exits=(0, 3))
DELIMITERS = {b"INBOX": ".", b"INBOX.a": ".", b"x": None, b"y": "^"}
add("delimiters", lambda: Script({k: Mailbox(messages(2), delimiter=v) for k, v in DELIMITERS.items()}))
PARTY = "\N{PARTY POPPER}"
ODD = [b"Archive", b"archive", b" lead", b"trail ", b"50%*", b"&ZeVnLIqe", b"&-", b"a&b", b"x" * 900, PARTY.encode()]
MORE_ODD = [folder(PARTY), "项目".encode("gb18030"), b"NIL", b"{3}", b"tab\there"]
add("odd_names", lambda: Script({wire: Mailbox(messages(2)) for wire in (b"INBOX", *ODD, *MORE_ODD)}))

for place in ("greeting", "ok", "nowhere"):
    add(f"capability_in_{place}", lambda place=place: inbox(capability_in=place))  # type: ignore[misc]
hooked("capability_is_bad", on("CAPABILITY", says("BAD what")))
add("capability_lies", lambda: inbox(6, on("ENABLE", says("BAD no")), on("NAMESPACE", says("BAD no")),
     on("EXAMINE", says("BAD no parameters"), has="CONDSTORE"), on("LIST", says("BAD no"), has="RETURN"),
     on("ID", says("BAD no")), on("UNSELECT", says("BAD no")), on("UID FETCH", says("BAD no"), has="CHANGEDSINCE"),
     capabilities=(*QRESYNC, "ID", "NAMESPACE", "UNSELECT", "UIDPLUS", "COMPRESS=DEFLATE", "UTF8=ACCEPT")),
     between=_grow_and())  # fmt: skip
add("imap4_alone", lambda: inbox(6, capabilities=("IMAP4",)), exits=(0, 2, 3, 5), state=("ok",))
add("initial_response_refused", lambda: inbox(6, on("AUTHENTICATE", says("BAD no initial response"), times=1),
     capabilities=("IMAP4rev1", "AUTH=PLAIN", "SASL-IR")))  # fmt: skip
add("id_hangs", lambda: inbox(6, on("ID", reply_with(silent=True)), capabilities=("IMAP4rev1", "ID")))


def _sign_in(name: str, action: Action, states: tuple[str, ...], exits: tuple[int, ...], at: str = "LOGIN") -> None:
    add(f"login_{name}", lambda: inbox(3, on(at, action)), stored=NOTHING, exits=exits, state=states)


_sign_in("authorizationfailed", says("NO [AUTHORIZATIONFAILED] no"), ("credential", "configuration"), (2, 4))
_sign_in("expired", says("NO [EXPIRED] the code has expired"), ("credential",), (4,))
_sign_in(
    "webalert",
    says("NO [WEBALERT https://example.org/x] Web login required"),
    ("configuration",),
    (4,),
)
_sign_in(
    "app_password", says("NO [ALERT] Application-specific password required"), ("credential", "configuration"), (2, 4)
)
_sign_in("limit", says("NO [LIMIT] too many logins"), ("throttled",), (3, 4, 5))
FULL = says("NO [ALERT] Too many simultaneous connections. (Failure)")
add("too_many_twice", lambda: inbox(3, on("LOGIN", FULL, times=2)))
_sign_in("bad", says("BAD syntax"), ("credential", "configuration", "ambiguous", "network", "unknown"), (2, 4, 5))
_sign_in("bye", closes("* BYE too many failures"), ("network", "throttled", "temporary"), (3, 4, 5))
_sign_in("hang_up", closes(), ("network", "ambiguous"), (4, 5))
_sign_in("silent", reply_with(silent=True), ("network",), (5,))
_sign_in("no_text", says("NO"), ("ambiguous", "credential"), (4,))
_sign_in(
    "greeting_bye", closes("* BYE overloaded, try later"), ("network", "throttled", "temporary"), (3, 5), "GREETING"
)
_sign_in(
    "greeting_preauth",
    lambda *_: Reply(raw=b"* PREAUTH hello\r\n"),
    ("unknown",),
    (5,),
    "GREETING",
)
_sign_in(
    "greeting_http",
    lambda *_: Reply(raw=b"HTTP/1.1 400 Bad Request\r\n\r\n", close=True),
    ("network", "unknown"),
    (5,),
    "GREETING",
)
_sign_in("greeting_silent", reply_with(silent=True), ("network",), (5,), "GREETING")
for certificate in ("wrong-name", "self-signed"):
    add(f"tls_{certificate.replace('-', '_')}", lambda c=certificate: Script(certificate=c), stored=NOTHING, exits=(5,),  # type: ignore[misc]
         state=("tls",))  # fmt: skip
add("starttls_refused", lambda: inbox(3, on("STARTTLS", says("NO no TLS")), tls="starttls"), stored=NOTHING, exits=(5,),
     state=("tls",))  # fmt: skip


def _remove(script: Script) -> None:
    script.mailboxes.pop(b"Shared")


def _later(name: str, make: Callable[[], Script], change: Callable[[Script], object], **values: object) -> None:
    SCENARIOS[name] = lambda: Scenario(make(), between=change, **values)  # type: ignore[arg-type]


def _capable(number: int = 12) -> Script:
    return inbox(number, capabilities=QRESYNC)


def _flapping() -> Scenario:
    script = inbox(4)
    turns = count()

    def flap(_command: Command, reply: Reply) -> None:
        value = b"UIDVALIDITY %d" % (7 + next(turns) % 2)
        reply.untagged = [chunk.replace(b"UIDVALIDITY 1700000000", value) for chunk in reply.untagged]

    script.hooks.append(on("EXAMINE", flap))
    return Scenario(script, exits=(0, 3), state=("ok", "temporary"))


SCENARIOS["uidvalidity_flaps"] = _flapping
_later("expunged_later", inbox, lambda s: _box(s).expunge(3, 4))
_later("expunged_later_qresync", _capable, lambda s: _box(s).expunge(3, 4))
_later("all_expunged_later", inbox, lambda s: _box(s).expunge(*range(1, 13)), stored=TWELVE, exits=(0, 3))
_later("modseq_falls", _capable, _grow_and(highestmodseq=1))
_later("nomodseq_later", _capable, _grow_and(nomodseq=True))
_later("uidvalidity_smaller", lambda: inbox(4), _replace(uidvalidity=5), exits=(0,))
_later("modseq_stands_still", lambda: Script({b"INBOX": Mailbox(messages(4), highestmodseq=9)}, capabilities=QRESYNC),
       lambda s: _box(s).messages.append(Message(5, b"new")))  # fmt: skip
_later("uidnext_falls", inbox, _replace(messages=messages(3), uidnext=4), exits=(0, 3))
_later("new_uid_below_the_last", lambda: Script({b"INBOX": Mailbox(messages(4, step=10))}),
       lambda s: _box(s).messages.insert(1, Message(7, b"late")))  # fmt: skip
_later("renamed_later", _two, lambda s: s.mailboxes.__setitem__(b"Renamed", s.mailboxes.pop(b"Shared")))
_later("removed_later", _two, _remove, exits=(0, 3), stored=FOUR | {(b"Shared", n) for n in (1, 2, 3)})


def _recreated(same: bool) -> Callable[[Script], None]:
    def change(script: Script) -> None:
        kept = messages(4) if same else [Message(n, b"another %d" % n) for n in range(1, 4)]
        script.mailboxes[b"INBOX"] = Mailbox([*kept, Message(9, b"new")] if same else kept)

    return change


_later("recreated_with_other_mail", lambda: inbox(4), _recreated(same=False))
_later("recreated_with_the_same_mail", lambda: inbox(4), _recreated(same=True))
_later(
    "uids_given_to_other_mail", lambda: inbox(4), _replace(messages=[Message(n, b"other %d" % n) for n in range(1, 6)])
)


def _empty_inbox(script: Script) -> None:
    script.mailboxes[b"INBOX"] = Mailbox(uidnext=13)


def _fill_inbox(script: Script) -> None:
    script.mailboxes[b"INBOX"] = Mailbox(messages(13))


def _restore(script: Script) -> None:
    script.mailboxes[b"Shared"] = Mailbox([*messages(3), Message(4, b"while away")])


_later("uidvalidity_returns", lambda: inbox(4), _replace(uidvalidity=1_800_000_000),
       then=_grow_and(uidvalidity=1_700_000_000))  # fmt: skip
_later("uidvalidity_grows_twice", lambda: inbox(4), _replace(uidvalidity=1_800_000_000),
       then=_grow_and(uidvalidity=1_900_000_000))  # fmt: skip
_later("all_gone_and_back", inbox, _empty_inbox, then=_fill_inbox)
_later("half_gone_and_back", lambda: inbox(120), lambda s: _box(s).expunge(*range(1, 90)), stored=None,
       then=_replace(messages=messages(121)))  # fmt: skip
_later("folder_gone_and_back", _two, _remove, then=_restore)
_later("folder_gone_for_good", _two, _remove, then=_grow_and(), stored=FOUR | {(b"INBOX", 5)}, exits=(0, 3),
       options=("--set", "vanish_confirm=0"))  # fmt: skip
_later("emptied_and_told_again", inbox, lambda s: _box(s).expunge(*range(1, 12)), then=_grow_and())
_later("qresync_history_lost", _capable, lambda s: _box(s).expunge(2, 3),
       then=lambda s: s.hooks.append(on("EXAMINE", adds("* VANISHED (EARLIER) 1:4294967295"))))  # fmt: skip
