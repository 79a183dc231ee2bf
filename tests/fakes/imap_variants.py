"""More named servers for runs of the commands: what goes wrong with bodies and listings."""

from collections.abc import Callable

from tests.fakes.imap_model import (
    Action,
    Command,
    Hook,
    Reply,
    Script,
    adds,
    changes,
    closes,
    on,
    sample,
    says,
)  # fmt: skip
from tests.fakes.imap_scenarios import SCENARIOS, Scenario, inbox

FIVE = {(b"INBOX", 5)}
NOTHING: set[tuple[bytes, int]] = set()
LATER = ("temporary", "throttled", "network", "unknown", "ok")


def add(name: str, make: Callable[[], Script], **values: object) -> None:
    SCENARIOS[name] = lambda: Scenario(make(), **values)  # type: ignore[arg-type]


def hooked(name: str, *hooks: Hook, **values: object) -> None:
    add(name, lambda: inbox(12, *hooks), **values)


def _bodies(name: str, action: Action, times: int = 1_000_000, **values: object) -> None:
    hooked(name, on("UID FETCH", action, has="BODY.PEEK[]", times=times), **values)


def _fifth(edit: Callable[[bytes], bytes]) -> Action:
    return changes(lambda chunk: edit(chunk) if b"UID 5 " in chunk else chunk)


def _literal(delta: int) -> Callable[[bytes], bytes]:
    def edit(chunk: bytes) -> bytes:
        head, _, rest = chunk.rpartition(b"{")
        size, _, rest = rest.partition(b"}")
        return head + b"{%d}" % (int(size) + delta) + rest

    return edit


def reply_with(**values: object) -> Action:
    def action(_command: Command, reply: Reply) -> None:
        for name, value in values.items():
            setattr(reply, name, value)

    return action


def _mid_literal(_command: Command, reply: Reply) -> Reply:
    return Reply(raw=b"".join(reply.untagged)[:700] + b"\r\n* BYE going down\r\n", close=True)


def _split(chunk: bytes) -> bytes:
    head, _, body = chunk.partition(b" BODY[] ")
    start, _, items = head.partition(b" FETCH (")
    uid = items.split(b" ")[1]
    return head + b")\r\n" + start + b" FETCH (UID " + uid + b" BODY[] " + body


def _lower(chunk: bytes) -> bytes:
    """Without names and bodies."""
    end = chunk.find(b"{") if b"BODY[]" in chunk else chunk.find(b'" "') + 1
    return chunk[:end].lower() + chunk[end:] if end > 0 else chunk.lower()


def lowered(_command: Command, reply: Reply) -> None:
    reply.untagged = [_lower(chunk) for chunk in reply.untagged]
    reply.tagged = reply.tagged.lower()


_bodies("slow_and_cut", reply_with(pace=(200, 0.02), cut=900), times=1)
_bodies("slow_all_the_way", reply_with(pace=(120, 0.01)))
_bodies("stalls_below_the_limit", reply_with(stall=1.0), times=2)
_bodies("stalls_above_the_limit", reply_with(stall=3.0), times=1)
_bodies("literal_too_long_once", _fifth(_literal(40)), times=1)
_bodies("literal_too_short_once", _fifth(_literal(-40)), times=1)
_bodies("literal_too_short_for_ever", _fifth(_literal(-40)), quarantined=FIVE, exits=(3,))
_bodies("bye_mid_literal", _mid_literal, times=1)
_bodies("bye_mid_literal_twice", _mid_literal, times=2)
_bodies("items_split", changes(_split))
_bodies("same_body_twice", changes(lambda chunk: chunk + chunk))
_bodies("two_bodies_for_one", _fifth(lambda c: c + b"* 5 FETCH (UID 5 BODY[] {5}\r\nother)\r\n"),
        quarantined=FIVE, exits=(3,))  # fmt: skip
_bodies("backwards", lambda _c, reply: reply.untagged.reverse())
_bodies("literal8", changes(lambda c: c.replace(b"BODY[] {", b"BODY[] ~{")))
_bodies("unknown_items", changes(lambda c: c.replace(b" BODY[]", b' X-A (a (b "c") {3}\r\nx)z NIL) BODY[]')))
_bodies(
    "empty_quoted_body", _fifth(lambda c: c[: c.index(b"BODY[]")] + b'BODY[] "")\r\n'), quarantined=FIVE, exits=(3,)
)
_bodies("expunge_that_is_none", adds("* 1 EXPUNGE"), times=1)
_bodies("line_of_two_megabytes_once", adds("* OK " + "x" * (2 << 20)), times=1)
_bodies("line_of_half_a_megabyte", adds("* OK " + "x" * (1 << 19)))
STRANGE = ("0 FETCH (UID 0 FLAGS ())", "1 FETCH (UID 4294967296 FLAGS ())", "1 FETCH (UID 1.0 FLAGS ())", "-3 EXISTS")
_bodies("strange_numbers", adds("* 99999999999999999999 EXISTS", *(f"* {text}" for text in STRANGE)))
_bodies("closes_after_each_answer", reply_with(close=True), times=4)
_bodies("early_tagged_ok_once", lambda c, reply: Reply(raw=c.tag + b" OK done\r\n" + b"".join(reply.untagged)), times=1)
_bodies("ok_without_text", reply_with(tagged=b"OK"))
for code in ("THROTTLED", "LIMIT", "UNAVAILABLE", "INUSE", "SERVERBUG", "CONTACTADMIN", "ALERT", "OVERQUOTA"):
    _bodies(f"no_{code.lower()}_once", says(f"NO [{code}] not now"), times=1, exits=(0, 3), state=("ok", *LATER[:2]))


def _expunged_while_fetched() -> Scenario:
    script = inbox(12)
    box = script.mailboxes[b"INBOX"]

    def action(_command: Command, reply: Reply) -> None:
        box.expunge(5)
        reply.untagged = [b"* 5 EXPUNGE\r\n", *(chunk for chunk in reply.untagged if b"UID 5 " not in chunk)]

    script.hooks.append(on("UID FETCH", action, has="BODY.PEEK[]", times=1))
    return Scenario(script)


SCENARIOS["expunged_while_fetched"] = _expunged_while_fetched


def _delivered_while_fetched() -> Scenario:
    script = inbox(12)

    def action(_command: Command, reply: Reply) -> None:
        box = script.mailboxes[b"INBOX"]
        box.deliver(sample(77))
        reply.untagged.append(b"* %d EXISTS\r\n" % len(box.messages))

    script.hooks.append(on("UID FETCH", action, has="BODY.PEEK[]", times=1))
    return Scenario(script)


SCENARIOS["delivered_while_fetched"] = _delivered_while_fetched

hooked("lower_case", on("*", lowered))
hooked(
    "ok_without_text_anywhere", on("*", lambda _c, r: setattr(r, "tagged", b"OK") if r.tagged[:2] == b"OK" else None)
)
hooked("trailing_space", on("*", lambda _c, r: setattr(r, "tagged", r.tagged + b"  ")))
hooked("noop_is_bad", on("NOOP", says("BAD what")))
hooked("noop_closes", on("NOOP", closes()), exits=(0, 3))
hooked("logout_is_silent", on("LOGOUT", reply_with(silent=True)))
hooked("logout_closes", on("LOGOUT", closes()))
hooked(
    "commands_after_commands", on("*", adds("* OK [ALERT] disk almost full", "* NO busy", "* BAD odd", "* X-NEW 1 2"))
)
hooked("sizes_are_refused", on("UID FETCH", says("NO no sizes"), has="RFC822.SIZE)"))
hooked("flags_are_half", on("UID FETCH", changes(lambda c: c if b"UID 7" not in c else b""), has="(UID FLAGS", times=1))
hooked("listing_without_uid", on("UID FETCH", adds("* 1 FETCH (FLAGS (\\Seen))", first=False), has="(UID FLAGS"))
hooked("listing_hangs_up_once", on("UID FETCH", reply_with(cut=100), has="(UID FLAGS", times=1))


def _all_after(chunk: bytes) -> bytes:
    """Items behind the body instead of before it."""
    head, _, rest = chunk.partition(b"UID ")
    uid, _, items = rest.partition(b" ")
    return head + items.removesuffix(b")\r\n") + b" UID " + uid + b")\r\n"


_bodies("uid_behind_the_body", changes(_all_after))
_bodies("body_from_zero", changes(lambda c: c.replace(b"BODY[] {", b"BODY[]<0> {")), exits=(0, 3), state=("ok",))
_bodies("nul_in_line_once", adds("* OK \0\0 zero"), times=1)
_bodies("bye_and_goes_on", adds("* BYE soon"), times=1)
_bodies("tagged_twice_once", lambda c, reply: setattr(reply, "after", c.tag + b" OK again\r\n"), times=1)
_bodies("bad_once", says("BAD internal error"), times=1)
_bodies("no_for_groups", lambda c, reply: Reply(tagged=b"NO one at a time") if len(reply.untagged) > 1 else reply)
_bodies("half_of_each_group", lambda _c, r: setattr(r, "untagged", r.untagged[: (len(r.untagged) + 1) // 2]))
_bodies("flags_of_others_inside", changes(lambda c: b"* 2 FETCH (FLAGS (\\Seen) UID 2)\r\n" + c))
_bodies("recent_and_search_inside", adds("* 4 RECENT", "* SEARCH 1 2 3", "* STATUS x (MESSAGES 3)", "* FLAGS (\\Seen)"))
hooked("examine_without_exists", on("EXAMINE", changes(lambda c: b"" if b"EXISTS" in c else c)))
hooked("login_is_slow", on("LOGIN", reply_with(stall=1.5)))
hooked("listing_in_two_lines", on("UID FETCH", changes(lambda c: c + c), has="(UID FLAGS"))
hooked(
    "sizes_are_wild",
    on("UID FETCH", changes(lambda c: c.replace(b"RFC822.SIZE ", b"RFC822.SIZE 99")), has="RFC822.SIZE"),
)
hooked(
    "sizes_are_negative", on("UID FETCH", changes(lambda c: c.replace(b"RFC822.SIZE ", b"RFC822.SIZE -")), has="RFC822")
)
