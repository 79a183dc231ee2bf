"""A first run on a server that is new enough: commands sent ahead, and what becomes of it where that is not liked."""

import pytest
from sqlalchemy import text

from services.poller.work import ONE_BY_ONE
from tests.fakes.imap_model import Mailbox, Reply, Script, adds, closes, messages, on, sample, says
from tests.integration.poller.conftest import inbox

NEW = ("IMAP4rev1", "ENABLE", "ID", "CONDSTORE", "QRESYNC", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE")
OLD = tuple(name for name in NEW if name != "ENABLE")


def server_of(*hooks, told="ok", capabilities=NEW, **values):
    boxes = {b"INBOX": Mailbox(messages(12)), b"Empty": Mailbox(uidvalidity=5), b"Work": Mailbox(messages(3))}
    return Script(boxes, capabilities=capabilities, capability_in=told, hooks=list(hooks), **values)


def lines(p, connection=None):
    return [line for number, line in p.server.record if connection in (None, number)]


def names(p, connection=None):
    return [line.split()[0] for line in lines(p, connection)]


def wary(p):
    query = text("SELECT count(*) FROM server_habits WHERE account = :account AND habit = :habit")
    with p.engine.connect() as connection:
        return connection.execute(query, {"account": p.slug, "habit": ONE_BY_ONE}).scalar() == 1


async def test_a_first_run_asks_for_sizes_with_the_listing_and_no_command_twice(play):
    async with play(server_of()) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        said = lines(p)
        items = [line.partition("1:* ")[2] for line in said if line.startswith("UID FETCH 1:* ")]
        assert items == ["(UID FLAGS RFC822.SIZE)", "(UID FLAGS)", "(UID FLAGS RFC822.SIZE)"]
        assert [names(p).count(name) for name in ("ID", "ENABLE", "LIST")] == [1, 1, 1]
        assert not [line for line in said if line.endswith("(UID RFC822.SIZE)")]
        assert not wary(p)


async def test_a_run_without_news_opens_inbox_only(play):
    async with play(server_of()) as p:
        await p.sync()
        await p.sync()
        assert names(p, 2) == ["CAPABILITY", "LOGIN", "CAPABILITY", "ID", "ENABLE", "LIST", "EXAMINE", "LOGOUT"]


async def test_inbox_is_not_opened_ahead_where_it_is_not_wanted(play):
    async with play(server_of(), include=("Work",)) as p:
        assert (await p.sync()).exit_code == 0
        assert [line for line in lines(p) if "INBOX" in line] == []


@pytest.mark.parametrize("name", ["ID", "ENABLE", "LIST"])
async def test_a_server_that_ends_at_what_was_sent_ahead_is_asked_one_by_one(play, name):
    async with play(server_of(on(name, closes(), times=1)), attempts=3) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert wary(p)
        assert p.server.connections == 2
        listed = [line for line in lines(p, 2) if line.startswith("UID FETCH 1:* ")]
        assert listed == ["UID FETCH 1:* (UID FLAGS)"] * 3


async def test_an_end_behind_the_sign_in_is_not_taken_for_one_over_its_mechanism(play):
    capabilities = (*NEW, "SASL-IR", "AUTH=PLAIN")
    async with play(server_of(on("CAPABILITY", closes(), skip=1, times=1), capabilities=capabilities)) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [line for line in lines(p) if "PLAIN" in line or "LOGIN" in line] == ["AUTHENTICATE PLAIN"] * 2


async def test_a_server_that_ends_at_id_is_not_asked_for_it_again(play):
    async with play(server_of(on("ID", closes("* BYE no robots")))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [("ID" in names(p, number)) for number in (1, 2, 3)] == [True, True, False]
        assert (await p.sync()).exit_code == 0
        assert "ID" not in names(p, 4)


async def test_a_server_that_says_nothing_to_what_was_sent_ahead_is_asked_one_by_one(play):
    async with play(server_of(on("ENABLE", lambda *_: Reply(silent=True), times=1)), command_timeout=1) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert (wary(p), p.server.connections) == (True, 2)


async def test_a_week_later_it_is_tried_again(play):
    async with play(server_of(on("ENABLE", closes(), times=1))) as p:
        await p.sync()
        with p.engine.begin() as connection:
            statement = text(
                "UPDATE server_habits SET noticed_at = noticed_at - interval '8 days' WHERE account = :account"
            )
            connection.execute(statement, {"account": p.slug})
        inbox(p.server.script).deliver(sample(50))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_a_busy_server_is_waited_for_and_not_taken_for_an_old_one(play):
    async with play(server_of(on("ENABLE", closes("* BYE [UNAVAILABLE] later"), times=1))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert not wary(p)


async def test_a_provider_that_wants_id_first_is_asked_one_by_one(play):
    async with play(server_of(needs_id=True), account={"provider": "netease"}) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [line for line in lines(p) if line.startswith("UID FETCH 1:* ")] == ["UID FETCH 1:* (UID FLAGS)"] * 3


@pytest.mark.parametrize("answer", ["NO no sizes", "BAD no sizes"])
async def test_sizes_that_are_refused_with_the_listing_are_asked_for_once(play, answer):
    async with play(server_of(on("UID FETCH", says(answer), has="RFC822.SIZE"))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        refused = [line for line in lines(p) if "RFC822.SIZE" in line]
        assert refused == ["UID FETCH 1:* (UID FLAGS RFC822.SIZE)"]


async def test_a_listing_with_sizes_that_breaks_off_is_made_whole(play):
    def short(_command, reply):
        reply.untagged, reply.tagged = reply.untagged[:4], b"NO no more"

    async with play(server_of(on("UID FETCH", short, has="(UID FLAGS RFC822.SIZE)"))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("capabilities", [NEW, OLD])
async def test_a_server_that_marks_as_read_is_found_out(play, capabilities):
    async with play(server_of(capabilities=capabilities, peek_sets_seen=True)) as p:
        result = await p.sync()
        assert (result.exit_code, "marks messages as read" in result.failure) == (3, True)
        assert len(p.stored) == 3


async def test_inbox_that_is_written_otherwise_is_opened_by_its_name(play):
    script = server_of()
    script.mailboxes = {b"Inbox" if wire == b"INBOX" else wire: box for wire, box in script.mailboxes.items()}
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert len(p.stored) == 15


async def test_a_refused_list_leaves_inbox_to_be_read(play):
    async with play(server_of(on("LIST", says("NO not now")))) as p:
        assert (await p.sync()).exit_code == 3
        assert {uid for name, _, uid in p.stored if name == "INBOX"} == set(range(1, 13))


@pytest.mark.parametrize("told", ["* CAPABILITY IMAP4rev1", "* OK [CAPABILITY IMAP4rev1 ENABLE] in between"])
async def test_capabilities_that_a_front_puts_between_cost_nothing(play, told):
    between = [on(name, adds(told)) for name in ("LOGIN", "ID", "ENABLE", "LIST", "EXAMINE", "UID FETCH")]
    async with play(server_of(*between)) as p:
        for _ in range(2):
            assert (await p.sync()).exit_code == 0
            assert p.complete()
            inbox(p.server.script).deliver(sample(50))
        assert not wary(p)


async def test_a_newer_protocol_is_not_switched_on_where_it_is_offered(play):
    capabilities = ("IMAP4rev1", "IMAP4rev2", "ENABLE", "ID", "UIDPLUS", "MOVE", "UNSELECT", "NAMESPACE", "LITERAL+")
    async with play(server_of(capabilities=capabilities)) as p:
        for _ in range(2):
            assert (await p.sync()).exit_code == 0
            assert p.complete()
            inbox(p.server.script).deliver(sample(50))
        assert (p.server.commands("ENABLE"), set(p.server.commands("LIST"))) == ([], {'LIST "" "*"'})
