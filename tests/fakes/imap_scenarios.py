"""Named servers with what a careful client must end up with: for runs of the commands against the fake server.

``SCENARIOS[name]()`` gives a ``Scenario``; expected places are (wire name, UID). ``plain`` is
for the program: ``--script tests.fakes.imap_scenarios:plain``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

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
    folder,
    messages,
    on,
    sample,
    says,
)  # fmt: skip

Place = tuple[bytes, int]
QRESYNC = (
    "IMAP4rev1",
    "ENABLE",
    "CONDSTORE",
    "QRESYNC",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "OBJECTID",
    "IDLE",
)


@dataclass
class Scenario:
    """``stored``: None means all that the script holds. ``exits``: accepted exit codes. ``state``: of the sign-in.

    ``between`` changes the server before a second run, ``then`` before a third one.
    """

    script: Script
    stored: set[Place] | None = None
    quarantined: set[Place] = field(default_factory=set)
    exits: tuple[int, ...] = (0,)
    state: tuple[str, ...] = ("ok",)
    options: tuple[str, ...] = ()
    between: Callable[[Script], object] | None = None
    then: Callable[[Script], object] | None = None

    def expected(self) -> set[Place]:
        """Places that have to be stored."""
        if self.stored is not None:
            return self.stored
        boxes = self.script.mailboxes.items()
        return {(wire, m.uid) for wire, box in boxes for m in box.messages} - self.quarantined


SCENARIOS: dict[str, Callable[[], Scenario]] = {}


def _scenario(make: Callable[[], Scenario]) -> Callable[[], Scenario]:
    SCENARIOS[make.__name__.removeprefix("_")] = make
    return make


def inbox(number: int = 12, *hooks: object, **values: object) -> Script:
    """A plain server with so many messages in INBOX."""
    return Script({b"INBOX": Mailbox(messages(number))}, hooks=list(hooks), **values)  # type: ignore[arg-type]


def plain() -> Script:
    """Scenario 1, as a script for the program."""
    return inbox()


@_scenario
def _plain() -> Scenario:
    return Scenario(plain())


@_scenario
def _grows_between_runs() -> Scenario:
    def grow(script: Script) -> None:
        box = script.mailboxes[b"INBOX"]
        box.deliver(sample(100))
        box.messages[0].flags.add("\\Seen")

    return Scenario(inbox(), between=grow)


@_scenario
def _qresync() -> Scenario:
    boxes = {b"INBOX": Mailbox(messages(20), mailboxid="M1"), folder("项目"): Mailbox(messages(5), mailboxid="M2")}
    return Scenario(Script(boxes, capabilities=QRESYNC), between=lambda s: s.mailboxes[b"INBOX"].deliver(b"x") and None)


@_scenario
def _uidvalidity_missing() -> Scenario:
    return Scenario(Script({b"INBOX": Mailbox(messages(4), uidvalidity=None)}), exits=(0, 3))


@_scenario
def _uidvalidity_larger() -> Scenario:
    def change(script: Script) -> None:
        script.mailboxes[b"INBOX"] = Mailbox(messages(4, first=10), uidvalidity=1_800_000_000)

    return Scenario(inbox(4), between=change)


@_scenario
def _uidnext_missing() -> Scenario:
    return Scenario(Script({b"INBOX": Mailbox(messages(6, step=7), uidnext=0)}))


@_scenario
def _uidnext_too_low() -> Scenario:
    return Scenario(Script({b"INBOX": Mailbox(messages(6), uidnext=3)}))


@_scenario
def _uidnext_too_high() -> Scenario:
    return Scenario(Script({b"INBOX": Mailbox(messages(6), uidnext=4_000_000_000)}))


@_scenario
def _sparse() -> Scenario:
    return Scenario(Script({b"INBOX": Mailbox(messages(50, first=17, step=80_000_000))}))


def _in_bodies(name: str, action: Action, *, times: int = 1_000_000, **values: object) -> None:
    SCENARIOS[name] = lambda: Scenario(inbox(12, on("UID FETCH", action, has="BODY.PEEK[]", times=times)), **values)  # type: ignore[arg-type]


def _without(uid: int) -> Action:
    return changes(lambda chunk: b"" if b"UID %d " % uid in chunk else chunk)


def _refuses(uid: int, tagged: str, *, close: bool = False) -> Action:
    def action(command: Command, reply: Reply) -> Reply | None:
        asked = any(b"UID %d " % uid in chunk for chunk in reply.untagged)
        return Reply([], b"" if close else tagged.encode(), close=close) if asked else None

    return action


FIVE = {(b"INBOX", 5)}
_in_bodies("unsolicited", adds("* 13 EXISTS", "* 3 FETCH (UID 3 FLAGS (\\Seen))", "* OK hello", "* 9 FETCH (FLAGS ())"))
_in_bodies("foreign_body", adds("* 3 FETCH (UID 99 BODY[] {5}\r\nwrong)", "* 3 FETCH (BODY[] {5}\r\nwrong)"))
_in_bodies("omitted_once", _without(5), times=1)
_in_bodies("omitted_for_ever", _without(5), quarantined=FIVE, exits=(3,))
_in_bodies("refused_group", _refuses(5, "NO [UNAVAILABLE] UID FETCH Server error"), quarantined=FIVE, exits=(3,))
_in_bodies("uid_that_kills", _refuses(5, "", close=True), quarantined=FIVE, exits=(3,))
_in_bodies("nil_body", changes(lambda c: c[: c.index(b"BODY[]")] + b"BODY[] NIL)\r\n" if b"UID 5 " in c else c),
           quarantined=FIVE, exits=(3,))  # fmt: skip
_in_bodies("endless_lines_once", lambda *_: Reply(raw=b"* 1 FETCH (FLAGS ())\r\n" * 10), times=1)
_in_bodies("wrong_tag_once", lambda *_: Reply(raw=b"NOPE OK done\r\n"), times=1)
_in_bodies("cut_once", lambda _c, reply: setattr(reply, "cut", 700), times=1)
_in_bodies("bye_once", closes("* BYE session expired"), times=1)
_in_bodies("silent_once", lambda *_: Reply(silent=True), times=1)
_in_bodies("huge_literal_once", closes("* 1 FETCH (UID 1 BODY[] {5368709120}"), times=1, exits=(0, 3),
           stored={(b"INBOX", n) for n in range(2, 13)}, quarantined={(b"INBOX", 1)})  # fmt: skip
_in_bodies("throttled_in_ok", lambda _c, reply: setattr(reply, "tagged", b"OK Success [THROTTLED]"))
_in_bodies("bad_garbage", adds("* 3 FETCH ((((((", "* LIST", "garbage", "* VANISHED 1:4294967295"))


def _sign_in(name: str, answer: str | bytes, states: tuple[str, ...], exits: tuple[int, ...]) -> None:
    SCENARIOS[name] = lambda: Scenario(inbox(3, on("LOGIN", says(answer))), set(), exits=exits, state=states)


_sign_in("wrong_code", "NO [AUTHENTICATIONFAILED] wrong", ("credential",), (4,))
_sign_in(
    "catch_all", "NO Login fail. Account is abnormal, service is not open, password is incorrect", ("ambiguous",), (4,)
)
_sign_in("gbk_refusal", "NO 登录失败".encode("gbk"), ("ambiguous",), (4,))
_sign_in("busy", "NO [UNAVAILABLE] later", ("temporary",), (3, 4, 5))
_sign_in("too_many", "NO [ALERT] Too many simultaneous connections. (Failure)", ("throttled",), (3, 4, 5))


@_scenario
def _login_disabled() -> Scenario:
    script = inbox(3, capabilities=("IMAP4rev1", "LOGINDISABLED"))
    return Scenario(script, set(), exits=(2, 4), state=("configuration",))


@_scenario
def _unsafe_login() -> Scenario:
    return Scenario(inbox(3, capabilities=("IMAP4rev1", "ID", "XLIST"), needs_id=True))


@_scenario
def _id_kills() -> Scenario:
    return Scenario(inbox(3, on("ID", closes("* BYE no robots")), capabilities=("IMAP4rev1", "ID")))


@_scenario
def _bad_certificate() -> Scenario:
    return Scenario(Script(certificate="expired"), set(), exits=(5,), state=("tls",))


@_scenario
def _starttls() -> Scenario:
    return Scenario(inbox(3, tls="starttls"))


@_scenario
def _starttls_injection() -> Scenario:
    reply = Reply(after=b"* CAPABILITY IMAP4rev1\r\n")
    return Scenario(inbox(3, on("STARTTLS", lambda *_: reply), tls="starttls"), set(), exits=(5,), state=("tls",))


@_scenario
def _folder_names() -> Scenario:
    wires = [
        b"inBOX",
        folder("已发送"),
        "收件".encode(),
        "收件夹".encode("gbk"),
        b'q"b\\s',
        b"a\r\nb",
        b"&broken",
        b"(x) *",
    ]
    boxes = {wire: Mailbox(messages(2)) for wire in wires} | {b"Group": Mailbox(attributes=("\\Noselect",))}
    return Scenario(Script(boxes))


@_scenario
def _qq_and_icloud() -> Scenario:
    search = on("UID SEARCH", says("BAD SEARCH not supported"))
    return Scenario(inbox(30, search, strict_ranges=True))


@_scenario
def _gmail() -> Scenario:
    both = [Message(n, sample(n), gm_msgid=900 + n, labels=("\\Inbox", "工作")) for n in (1, 2)]
    boxes = {
        b"INBOX": Mailbox([Message(7, sample(1), gm_msgid=901)]),
        b"[Gmail]/All Mail": Mailbox(both, attributes=("\\All",)),
        b"[Gmail]": Mailbox(attributes=("\\Noselect",)),
    }
    capabilities = ("IMAP4rev1", "CONDSTORE", "SPECIAL-USE", "LIST-EXTENDED", "X-GM-EXT-1")
    return Scenario(Script(boxes, capabilities=capabilities))
