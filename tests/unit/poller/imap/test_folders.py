import pytest

from services.poller.imap.errors import (
    CommandRejected,
    FolderGone,
    IdentificationWanted,
    NotNow,
    PermissionRefused,
    QuotaExceeded,
    Refused,
    ServerBye,
    Throttled,
)
from services.poller.imap.model import FolderStatus
from tests.fakes.imap_model import Mailbox, Message, Reply, Script, adds, changes, closes, folder, messages, on, says

RICH = ("IMAP4rev1", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CONDSTORE", "QRESYNC", "ENABLE", "OBJECTID", "ID")


async def test_names_of_every_kind(play):
    wires = {
        b"INBOX": "INBOX", b"inbox.x": "inbox.x", folder("已发送"): "已发送", "收件".encode(): "收件",
        "收件".encode("gbk"): "收件", b'quo"te\\back': 'quo"te\\back',
        b"a\r\nb": "a\r\nb", b"[Gmail]/All": "[Gmail]/All",
        b"&broken": "&broken", b"NIL": "NIL", b"": "", b"(paren) %*": "(paren) %*",
    }  # fmt: skip
    async with play(Script({wire: Mailbox() for wire in wires})) as (session, _):
        listed = await session.list_folders()
        assert {f.wire: f.name for f in listed} == wires
        for wire in wires:
            assert (await session.examine(wire)).wire == wire


async def test_attributes_delimiters_and_special_use(play):
    boxes = {
        b"InBoX": Mailbox(), b"flat": Mailbox(delimiter=None), b"Group": Mailbox(attributes=("\\Noselect",)),
        b"Gone": Mailbox(attributes=("\\NonExistent",)), b"A": Mailbox(attributes=("\\HasNoChildren", "\\All")),
        b"S": Mailbox(attributes=("\\Spam",)), folder("草稿箱"): Mailbox(),
        b"Sent Items": Mailbox(attributes=("\\Trash",)),
    }  # fmt: skip
    async with play(Script(boxes)) as (session, _):
        found = {f.wire: f for f in await session.list_folders()}
        assert [f.wire for f in found.values() if not f.selectable] == [b"Group", b"Gone"]
        assert (found[b"flat"].delimiter, found[b"A"].delimiter) == (None, "/")
        uses = [found[wire].special_use for wire in boxes]
        assert uses == ["\\Inbox", None, None, None, "\\All", "\\Junk", "\\Drafts", "\\Trash"]
        assert found[b"InBoX"].name == "INBOX"


async def test_list_status_in_one_round_trip(play):
    boxes = {b"F%d" % n: Mailbox(messages(n), mailboxid=f"id{n}") for n in range(100)}
    async with play(Script(boxes, capabilities=RICH)) as (session, server):
        before = len(server.record)
        listed = await session.list_folders(status=True)
        assert len(server.record) == before + 1
        assert listed[3].status == FolderStatus(3, 4, 1_700_000_000, 1, 3, "id3")
        assert len(listed) == 100


# What Cyrus 3.6.1 says in place of an identifier: octets of its memory, some of which end a list or a line.
_OCTETS = {b"INBOX": b":\xda!\x7f\xbfU", b"Lists": b")z)\x7f\xbfU", b"News": b"\n\xd1\x80U"}


def _cyrus_status(name: bytes) -> bytes:
    counters = b"MESSAGES 2 UIDNEXT 3 UIDVALIDITY 7 MAILBOXID (" + _OCTETS[name] + b") UNSEEN 0 HIGHESTMODSEQ 9"
    return b"* STATUS " + name + b" (" + counters + b")"


async def test_octets_in_place_of_a_mailboxid_are_none(play):
    lines = [part for name in _OCTETS for part in (b'* LIST () "." ' + name, _cyrus_status(name))]
    async with play(Script(capabilities=RICH, hooks=[on("LIST", says("OK done", *lines))])) as (session, _):
        told = {folder.wire: folder.status for folder in await session.list_folders(status=True)}
        assert told == {b"INBOX": FolderStatus(2, 3, 7, 9, 0), b"Lists": None, b"News": None}
        assert session.unreadable == 0


async def test_counters_of_one_folder_are_asked_for_without_its_mailboxid(play):
    async with play(Script({b"INBOX": Mailbox(messages(2), mailboxid="id")}, capabilities=RICH)) as (session, server):
        assert (await session.status(b"INBOX")).messages == 2
        assert server.commands("STATUS") == ['STATUS "INBOX" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)']


async def test_rich_list_steps_down(play):
    script = Script(capabilities=RICH, hooks=[on("LIST", says("BAD what"), has="RETURN")])
    async with play(script) as (session, server):
        assert [f.name for f in await session.list_folders(status=True)] == ["INBOX"]
        assert server.commands("LIST")[1:] == ['LIST "" "*"']


async def test_plain_server_is_asked_plainly(play):
    async with play(Script()) as (session, server):
        assert (await session.list_folders(status=True))[0].status is None
        assert server.commands("LIST") == ['LIST "" "*"']
        assert await session.namespace() == ()


async def test_lines_of_the_list_that_cannot_be_read_are_counted(play):
    async with play(Script(hooks=[on("LIST", adds('* LIST (\\X "/" broken'))])) as (session, _):
        assert [found.wire for found in await session.list_folders()] == [b"INBOX"]
        assert session.unreadable == 1
        assert session.alive


async def test_status(play):
    async with play(Script({b"INBOX": Mailbox(), b"B": Mailbox(messages(2), uidnext=0)})) as (session, _):
        assert await session.status(b"B") == FolderStatus(2, None, 1_700_000_000, None, 2)
        with pytest.raises(FolderGone):
            await session.status(b"nowhere")
    async with play(Script(hooks=[on("STATUS", says("OK done", "* STATUS other (MESSAGES 1)"))])) as (session, _):
        with pytest.raises(Refused, match="without a status"):
            await session.status(b"INBOX")


async def test_namespace(play):
    async with play(Script(capabilities=("IMAP4rev1", "NAMESPACE"))) as (session, _):
        assert await session.namespace() == ((b"", "/"),)


async def test_opened_on_a_rich_server(play):
    mailbox = Mailbox([Message(1, b"x", modseq=3), Message(5, b"y", modseq=8)], mailboxid="F1", gone=[(2, 7)])
    async with play(Script({b"INBOX": mailbox}, capabilities=RICH)) as (session, _):
        opened = await session.examine(b"INBOX", condstore=True)
        assert (opened.highestmodseq, opened.mailboxid, opened.nomodseq) == (8, "F1", False)
        assert await session.enable("QRESYNC") == frozenset()
    async with play(Script({b"INBOX": mailbox}, capabilities=RICH)) as (session, _):
        assert await session.enable("QRESYNC") == {"QRESYNC"}


async def test_opened_on_a_poor_server(play):
    mailbox = Mailbox(messages(2), uidvalidity=None, uidnext=0)
    hooks = [on("EXAMINE", adds("* OK [HIGHESTMODSEQ 99] private", "* 7 EXISTS", "* 1 EXISTS"))]
    async with play(Script({b"INBOX": mailbox}, hooks=hooks)) as (session, server):
        opened = await session.examine(b"INBOX", condstore=True)
        assert (opened.uidvalidity, opened.uidnext, opened.exists, opened.highestmodseq) == (None, None, 2, None)
        assert server.commands("EXAMINE") == ['EXAMINE "INBOX"']


async def test_nomodseq_and_read_write(play):
    boxes = {b"A": Mailbox(nomodseq=True), b"B": Mailbox(tag="READ-WRITE")}
    async with play(Script(boxes, capabilities=RICH)) as (session, _):
        opened = await session.examine(b"A", condstore=True)
        assert (opened.nomodseq, opened.highestmodseq) == (True, None)
        assert not (await session.examine(b"B")).read_only


async def test_examine_argument_refused_with_bad(play):
    script = Script(capabilities=RICH, hooks=[on("EXAMINE", says("BAD arguments"), has="CONDSTORE")])
    async with play(script) as (session, server):
        await session.examine(b"INBOX", condstore=True)
        assert server.commands("EXAMINE") == ['EXAMINE "INBOX" (CONDSTORE)', 'EXAMINE "INBOX"']


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("NO [NONEXISTENT] none", FolderGone), ("NO Mailbox does not exist", FolderGone),
        ("NO [NOPERM] no", PermissionRefused), ("NO [CANNOT] no", PermissionRefused), ("NO hm", Refused),
        ("NO EXAMINE Unsafe Login. Please contact kefu", IdentificationWanted),
        ("NO EXAMINE The login is not safe!", IdentificationWanted), ("NO [INUSE] busy", NotNow),
        ("BAD no", CommandRejected), ("NO [OVERQUOTA] Account exceeded command or bandwidth limits.", QuotaExceeded),
        ("NO Request is throttled. Suggested Backoff Time: 2500 milliseconds", Throttled),
    ],
)  # fmt: skip
async def test_refused_examine_leaves_nothing_open(play, answer, error):
    script = Script({b"INBOX": Mailbox(), b"B": Mailbox()}, hooks=[on("EXAMINE", says(answer), has="B", skip=1)])
    async with play(script) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(error) as caught:
            await session.examine(b"B")
        assert type(caught.value) is error
        assert session.opened is None
        assert session.alive
        if isinstance(caught.value, Throttled):
            assert caught.value.wait in {2.5, 3600.0}


async def test_flags_of_the_last_folder_are_forgotten(play):
    script = Script({b"A": Mailbox(), b"B": Mailbox()}, hooks=[on("NOOP", adds("* 5 EXISTS"))])
    async with play(script) as (session, _):
        await session.examine(b"A")
        assert (await session.noop()).exists == 5
        await session.noop()
        await session.examine(b"B")
        assert not session.take_events().mailbox_changed


async def test_unselect_only_when_advertised(play):
    async with play(Script(capabilities=("IMAP4rev1", "UNSELECT"))) as (session, server):
        await session.unselect()
        await session.examine(b"INBOX")
        await session.unselect()
        assert server.commands("UNSELECT") == ["UNSELECT"]
        assert session.opened is None


async def test_identify(play):
    fields = {"name": "Mailweir", "version": "0.1"}
    script = Script(capabilities=RICH, needs_id=True)
    async with play(script) as (session, server):
        with pytest.raises(IdentificationWanted):
            await session.examine(b"INBOX")
        done = await session.identify(fields)
        assert (done.sent, done.accepted, done.reply) == (True, True, {"name": "Fake"})
        assert server.commands("ID ") == ['ID ("name" "Mailweir" "version" "0.1")']
        assert (await session.examine(b"INBOX")).exists == 0


async def test_identify_takes_any_reaction(play):
    async with play(Script()) as (session, server):
        assert not (await session.identify({"name": "x"})).sent
        assert server.commands("ID") == []
    for answer in ("BAD what", "NO never"):
        async with play(Script(capabilities=RICH, hooks=[on("ID", says(answer))])) as (session, _):
            assert not (await session.identify({"name": "x"})).accepted
    async with play(Script(capabilities=RICH, id_reply=None)) as (session, _):
        assert (await session.identify({})).reply is None
    async with play(Script(capabilities=RICH, hooks=[on("ID", closes("* BYE bad robot"))])) as (session, _):
        with pytest.raises(ServerBye, match="bad robot"):
            await session.identify({"name": "x"})


async def test_list_answers_with_literals_and_wrong_case(play):
    lines = changes(lambda _chunk: b'* list () "/" {3}\r\nA"B\r\n* LIST () NIL NIL\r\n')
    async with play(Script(hooks=[on("LIST", lines)])) as (session, _):
        assert [f.wire for f in await session.list_folders()] == [b'A"B', b"NIL"]


async def test_opened_without_any_word_is_not_empty(play):
    hooks = [on("EXAMINE", says("OK [READ-ONLY] done"))]
    async with play(Script({b"INBOX": Mailbox(messages(2))}, hooks=hooks)) as (session, _):
        with pytest.raises(Refused, match="how many"):
            await session.examine(b"INBOX")


async def test_a_name_listed_twice_is_the_folder_that_can_be_opened(play):
    async with play(Script(hooks=[on("LIST", adds('* LIST (\\Noselect) "/" "inbox"'))])) as (session, _):
        assert [(found.wire, found.selectable) for found in await session.list_folders()] == [(b"INBOX", True)]


async def test_two_spaces_before_a_status(play):
    wide = lambda command, reply: Reply(raw=reply.wire(command.tag).replace(b" OK", b"  OK"))  # noqa: E731
    async with play(Script(hooks=[on("EXAMINE", wide), on("GREETING", wide)])) as (session, _):
        assert (await session.examine(b"INBOX")).uidvalidity == 1_700_000_000


async def test_arguments_that_are_refused_are_left_out(play):
    refused = on("EXAMINE", says("NO no arguments"), has="CONDSTORE")
    script = Script(capabilities=("IMAP4rev1", "CONDSTORE"), hooks=[refused])
    async with play(script) as (session, _):
        assert (await session.examine(b"INBOX", condstore=True)).exists == 0
