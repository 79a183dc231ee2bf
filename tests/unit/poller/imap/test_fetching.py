import pytest

from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import (
    CommandRejected,
    ExpungeIssued,
    FetchRefused,
    ResponseTooLarge,
)
from services.poller.imap.model import Listing
from tests.fakes.imap_model import Mailbox, Message, Reply, Script, adds, changes, messages, on, sample, says

ALL = UidSet.range(1, 3)


def script(*hooks, number=3, capabilities=("IMAP4rev1",), **mailbox) -> Script:
    return Script({b"INBOX": Mailbox(messages(number), **mailbox)}, capabilities=capabilities, hooks=list(hooks))


async def bodies(session, uids=ALL):
    await session.examine(b"INBOX")
    return {f.uid: f.body async for f in session.fetch_bodies(uids)}


async def listed(session, uids, items=("FLAGS",)):
    await session.examine(b"INBOX")
    return [x async for x in session.fetch_listing(uids, items)]


WHOLE = {n: sample(n) for n in (1, 2, 3)}


@pytest.mark.parametrize(
    "noise",
    [
        "* 4 EXISTS", "* 9 FETCH (FLAGS (\\Seen))", "* 9 FETCH (UID 77 FLAGS (\\Seen))", "* OK Still here",
        "* NO [ALERT] low space", "* XYZZY ((((", "* 2 FETCH (((((((", "* 1 FETCH (UID 0 FLAGS ())",
        "* 1 FETCH (UID 1.0 BODY[] {1}\r\nx)", "* 1 FETCH (UID 4294967296 BODY[] {1}\r\nx)",
        "* 9 FETCH (UID 77 BODY[] {5}\r\nwrong)", "* 1 FETCH (BODY[] {5}\r\nwrong)", "", "garbage", "* ", "*",
        "* 3 RECENT", "* FLAGS (\\Seen)", '* 1 FETCH (UID 1 FLAGS ("open', "* 99999999999999999999 EXISTS",
        "* 1 FETCH " + "(" * 5000, "* VANISHED 1:4294967295", "* VANISHED x",
    ],
)  # fmt: skip
async def test_noise_during_a_fetch_changes_nothing(play, noise):
    async with play(script(on("UID FETCH", adds(noise)), on("UID FETCH", adds(noise, first=False)))) as (session, _):
        assert await bodies(session) == WHOLE
        assert session.alive


async def test_unasked_news_is_kept(play):
    news = ["* 4 EXISTS", "* 3 EXPUNGE", "* 2 FETCH (UID 77 FLAGS (\\Seen))", "* VANISHED 8:9", "* OK [ALERT] hear"]
    async with play(script(on("UID FETCH", adds(*news)))) as (session, _):
        await bodies(session)
        events = session.take_events()
        assert (events.exists, events.expunged, events.vanished.text()) == (3, 1, "8:9")
        assert session.take_alerts() == ("hear",)
        assert events.flagged
        assert not session.take_events().mailbox_changed


async def test_huge_vanished_is_never_expanded(play):
    async with play(script(on("NOOP", adds("* VANISHED 1:4294967295")))) as (session, _):
        await session.examine(b"INBOX")
        assert (await session.noop()).vanished.ranges == ((1, 4294967295),)


async def test_items_split_over_lines_are_merged(play):
    lines = [
        "* 1 FETCH (FLAGS (\\Seen) UID 1)",
        "* 1 FETCH (UID 1 RFC822.SIZE 5)",
        '* 1 FETCH (INTERNALDATE "x" UID 1)',
    ]
    answer = [*lines, "* 1 FETCH (BODY[] {5}\r\nhello UID 1)"]
    async with play(script(on("UID FETCH", says("OK done", *answer)))) as (session, _):
        await session.examine(b"INBOX")
        (found,) = [f async for f in session.fetch_bodies(UidSet.of([1]))]
        assert (found.listing, found.body) == (Listing(1, ("\\Seen",), "x", 5), b"hello")


async def test_server_with_its_own_order_of_items(play):
    answer = '* 1 FETCH (RFC822.SIZE 5 body[] {5}\r\nhello INTERNALDATE " 1-Nov-2026 10:00:00 +0800" UID 1 FLAGS ())'
    async with play(script(on("UID FETCH", says("OK done", answer)))) as (session, _):
        await session.examine(b"INBOX")
        (found,) = [f async for f in session.fetch_bodies(UidSet.of([1]))]
        assert (found.listing, found.body) == (Listing(1, (), "1-Nov-2026 10:00:00 +0800", 5), b"hello")


@pytest.mark.parametrize("where", ["BODY[]", ")"])
@pytest.mark.parametrize(
    "unasked", ["BODY[HEADER] {4}\r\nA: b ", "BODY[TEXT] {1}\r\nx ", "BODY (NIL) ", "BODY[1] NIL "]
)
async def test_sections_that_were_not_asked_for_are_no_bodies(play, where, unasked):
    def more(chunk: bytes) -> bytes:
        start, _, end = chunk.rpartition(where.encode())
        return start + b" " + unasked.rstrip(" ").encode() + b" " * (where != ")") + where.encode() + end

    apart = adds(f"* 1 FETCH (UID 1 FLAGS () INTERNALDATE NIL RFC822.SIZE 3 {unasked.rstrip(' ')})")
    for hook in (changes(more), apart):
        async with play(script(on("UID FETCH", hook))) as (session, _):
            assert await bodies(session) == WHOLE


async def test_second_body_of_a_uid(play):
    line = '* 1 FETCH (UID 1 FLAGS () INTERNALDATE "x" RFC822.SIZE 5 BODY[] {5}\r\n%s)'
    same = on("UID FETCH", says("OK done", line % "hello", line % "hello"))
    async with play(script(same)) as (session, _):
        await session.examine(b"INBOX")
        assert [f.conflict async for f in session.fetch_bodies(ALL)] == [False]
    differs = on("UID FETCH", says("OK done", line % "hello", line % "jello"))
    async with play(script(differs)) as (session, _):
        await session.examine(b"INBOX")
        assert [(f.body, f.conflict) async for f in session.fetch_bodies(ALL)] == [(b"hello", False), (b"jello", True)]


@pytest.mark.parametrize("empty", ["NIL", '""', "{0}\r\n"])
@pytest.mark.parametrize("rest", ['FLAGS () INTERNALDATE "x" RFC822.SIZE 5 ', ""])
async def test_an_empty_body_beside_a_real_one_does_not_count(play, empty, rest):
    lines = [f"* 1 FETCH (UID 1 {rest}BODY[] {empty})", f"* 1 FETCH (UID 1 {rest}BODY[] {{5}}\r\nhello)"]
    for order in (lines, lines[::-1], [f"* 1 FETCH (UID 1 BODY[] {{5}}\r\nhello BODY[] NIL {rest.rstrip()})"]):
        async with play(script(on("UID FETCH", says("OK done", *order)))) as (session, _):
            await session.examine(b"INBOX")
            assert [(f.body, f.conflict) async for f in session.fetch_bodies(ALL)] == [(b"hello", False)]


@pytest.mark.parametrize(
    ("item", "body"),
    [(b"BODY[] NIL", None), (b'BODY[] ""', b""), (b"BODY[] {0}\r\n", b""), (b'BODY[] "hi"', b"hi"),
     (b"BODY[] ~{2}\r\nhi", b"hi"), (b"BODY[] {2}\r\nhi", b"hi")],
)  # fmt: skip
async def test_forms_of_a_body(play, item, body):
    mailbox = Mailbox([Message(1, b"hi", body=item), *messages(2, first=2)])
    async with play(Script({b"INBOX": mailbox})) as (session, _):
        assert await bodies(session) == WHOLE | {1: body}


async def test_declared_size_is_only_told(play):
    async with play(Script({b"INBOX": Mailbox([Message(1, b"abc", size=99999)])})) as (session, _):
        await session.examine(b"INBOX")
        assert [(f.listing.size, f.length) async for f in session.fetch_bodies(ALL)] == [(99999, 3)]


@pytest.mark.parametrize(
    ("tagged", "error"),
    [("NO some could not be fetched", FetchRefused), ("NO [EXPUNGEISSUED] gone", ExpungeIssued),
     ("NO [UNAVAILABLE] server error while fetching", FetchRefused), ("BAD what", CommandRejected)],
)  # fmt: skip
async def test_refused_fetch_keeps_what_came(play, tagged, error):
    def refuse(_command, reply):
        reply.untagged, reply.tagged = reply.untagged[:1], tagged.encode()

    async with play(script(on("UID FETCH", refuse))) as (session, _):
        await session.examine(b"INBOX")
        stream = session.fetch_bodies(ALL)
        got = [(await anext(stream)).uid]
        with pytest.raises(error) as caught:
            await anext(stream)
        assert (got, caught.value.usable, session.alive) == ([1], True, True)
        assert (await session.noop()).bye is None


async def test_sets_are_short_lines_low_to_high(play):
    many = UidSet.of(range(1, 2001, 2))
    mailbox = Mailbox([Message(n, b"x") for n in many])
    async with play(Script({b"INBOX": mailbox}, strict_ranges=True)) as (session, server):
        assert [x.uid for x in await listed(session, many | UidSet.range(5000, 4294967295), ())] == list(many)
        lines = server.commands("UID FETCH")
        assert len(lines) > 4
        assert max(map(len, lines)) <= 900


async def test_last_message_echo_is_left_out(play):
    async with play(script(on("UID FETCH", adds("* 3 FETCH (UID 3 FLAGS ())")))) as (session, _):
        assert [x.uid for x in await listed(session, UidSet.range(4, 9))] == []
        assert session.take_events().flagged


async def test_missing_items_come_as_none(play):
    cut = changes(lambda chunk: chunk.replace(b"FLAGS () ", b"") if b"UID 2" in chunk else chunk)
    async with play(script(on("UID FETCH", cut))) as (session, _):
        found = await listed(session, ALL, ("FLAGS", "RFC822.SIZE"))
        assert sorted((x.uid, x.flags) for x in found) == [(1, ()), (2, None), (3, ())]


async def test_items_only_when_advertised(play):
    message = Message(1, b"x", modseq=7, emailid="M1", gm_msgid=2**63, labels=("\\Inbox", "中文"))
    items = ("FLAGS", "MODSEQ", "EMAILID", "X-GM-MSGID", "X-GM-LABELS")
    rich = Script({b"INBOX": Mailbox([message])}, capabilities=("IMAP4rev1", "CONDSTORE", "OBJECTID", "X-GM-EXT-1"))
    async with play(rich) as (session, _):
        (found,) = await listed(session, UidSet.of([1]), items)
        assert found == Listing(1, (), None, None, 7, "M1", 2**63, ("\\Inbox", "中文"))
    async with play(Script({b"INBOX": Mailbox([message])})) as (session, server):
        await listed(session, UidSet.of([1]), items)
        assert server.commands("UID FETCH") == ["UID FETCH 1 (UID FLAGS)"]
        with pytest.raises(ValueError, match="listing item"):
            await listed(session, UidSet.of([1]), ("BODY[]",))


async def test_headers_and_pieces(play):
    async with play(script()) as (session, server):
        await session.examine(b"INBOX")
        found = [h async for h in session.fetch_headers(UidSet.of([2]), ("Message-ID", "subject"))]
        assert [h.header for h in found] == [b"Subject: Message 2\r\nMessage-ID: <m2@example.org>\r\n\r\n"]
        whole = [h.header async for h in session.fetch_headers(UidSet.of([2]))]
        assert whole == [sample(2).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"]
        with pytest.raises(ValueError, match="header"):
            [h async for h in session.fetch_headers(ALL, ("Subject)\r\nX LOGOUT",))]
        pieces = [await session.fetch_piece(2, offset, 64) for offset in range(0, 256, 64)]
        assert b"".join(p or b"" for p in pieces) == sample(2)
        assert await session.fetch_piece(2, 10_000, 64) == b""
        assert await session.fetch_piece(99, 0, 64) is None
        assert server.forbidden() == []


async def test_server_that_ignores_partial_fetch(play):
    whole = changes(lambda _chunk: b"* 2 FETCH (UID 2 BODY[] {10}\r\n0123456789)\r\n")
    async with play(script(on("UID FETCH", whole))) as (session, _):
        await session.examine(b"INBOX")
        assert [await session.fetch_piece(2, offset, 4) for offset in (0, 4, 8, 12)] == [b"0123", b"4567", b"89", b""]


async def test_changed_since(play):
    capabilities = ("IMAP4rev1", "CONDSTORE", "QRESYNC", "ENABLE")
    mailbox = Mailbox([Message(1, b"x", modseq=3), Message(2, b"x", modseq=9)], gone=[(7, 8)])
    async with play(Script({b"INBOX": mailbox}, capabilities=capabilities)) as (session, _):
        assert await session.enable("QRESYNC", "XNOT") == {"QRESYNC"}
        await session.examine(b"INBOX", condstore=True)
        found = [x async for x in session.fetch_changed(UidSet.range(1, 2), 5, vanished=True)]
        assert [(x.uid, x.modseq) for x in found] == [(2, 9)]
        assert session.take_events().vanished.text() == "7"


async def test_search_and_highest(play):
    async with play(script()) as (session, server):
        await session.examine(b"INBOX")
        assert (await session.search_all()).text() == "1:3"
        assert await session.highest_uid() == 3
        assert server.commands("UID SEARCH") == ["UID SEARCH UID 1:*"]
    async with play(script(number=0)) as (session, _):
        await session.examine(b"INBOX")
        assert await session.highest_uid() is None


async def test_ten_million_uids_in_one_search_line(play):
    line = b"* SEARCH " + b" ".join(b"%d" % n for n in range(10_000_000, 10_400_000)) + b"\r\n"
    async with play(script(on("UID SEARCH", lambda *_: Reply(raw=line)))) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(ResponseTooLarge):
            await session.search_all()


async def test_throttled_in_an_ok_is_noted(play):
    async with play(script(on("UID FETCH", says("OK Success [THROTTLED]")))) as (session, _):
        assert await bodies(session) == {}
        assert session.take_events().throttled


@pytest.mark.parametrize("newest", [True, False])
async def test_message_limit_is_only_partly_done(play, newest):
    def limit(command, reply):
        if len(reply.untagged) > 3:
            reply.untagged = reply.untagged[-3:] if newest else reply.untagged[:3]
            reply.tagged = b"OK [MESSAGELIMIT 3 5] FETCH completed with 3 partial results"

    async with play(script(on("UID FETCH", limit), number=10, capabilities=("IMAP4rev1", "MESSAGELIMIT=3"))) as (
        session,
        _,
    ):
        assert sorted(x.uid for x in await listed(session, UidSet.range(1, 4294967295))) == list(range(1, 11))
        assert set(await bodies(session, UidSet.range(1, 10))) == set(range(1, 11))


@pytest.mark.parametrize("form", [b"FLAGS (a\0b)", b'FLAGS (a\0b) X "slow"'])
async def test_nul_in_a_flag_is_left_out(play, form):
    strange = changes(lambda chunk: chunk.replace(b"FLAGS ()", form))
    async with play(script(on("UID FETCH", strange), number=1)) as (session, _):
        assert [x.flags for x in await listed(session, ALL)] == [("ab",)]


@pytest.mark.parametrize("short", [1, 2, 3, 40])
async def test_a_literal_longer_than_announced_is_no_message(play, short):
    cut = changes(lambda chunk: chunk.replace(b"{200}", b"{%d}" % (200 - short)))
    async with play(script(on("UID FETCH", cut, has="BODY.PEEK[]"), number=1)) as (session, _):
        assert await bodies(session) == {}
