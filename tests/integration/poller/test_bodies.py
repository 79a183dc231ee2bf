"""Scenarios 5 and 6: odd bodies of one message must not touch the others."""

import pytest

from tests.fakes.imap_fetch import literal, response
from tests.fakes.imap_model import Command, Message, Reply, adds, closes, on, sample
from tests.integration.poller.conftest import inbox
from tests.integration.poller.ten_messages import ALL, only_missing, ten


async def test_last_message_echoed_for_a_range_above_it(play):
    script = ten()
    async with play(script) as p:
        await p.sync()
        assert (await p.sync()).exit_code == 0
        assert p.complete()


def bodies(edit):
    """A hook on body fetches."""
    return on("UID FETCH", edit, has="BODY.PEEK[]")


@pytest.mark.parametrize(
    "extra",
    [
        b"* 3 FETCH (FLAGS (\\Seen))",
        b"* 3 FETCH (UID 3 FLAGS (\\Seen))",
        b"* 11 EXISTS",
        b"* 3 FETCH (UID 4711 BODY[] {5}\r\nhello)",
        b"* 3 FETCH (BODY[] {5}\r\nhello)",
        b"* 1 FETCH (UID 0 FLAGS ())",
        b"* 1 FETCH (UID 99999999999 FLAGS ())",
        b"* 1 FETCH (UID 1.0 FLAGS ())",
        b"* OK [ALERT] maintenance tonight",
        b"* GIBBERISH (((",
        b"* 12",
    ],
)
async def test_what_comes_unasked_inside_a_body_fetch(play, extra):
    script = ten()
    script.hooks.append(bodies(adds(extra)))
    async with play(script) as p:
        result = await p.sync()
        assert p.stored.keys() == ALL
        assert result.exit_code == 0, result


async def test_expunge_in_the_middle(play):
    script = ten()

    def expunge(_command: Command, reply: Reply) -> None:
        inbox(script).expunge(10)
        reply.untagged = [b"* 10 EXPUNGE\r\n", *(chunk for chunk in reply.untagged if b"UID 10 " not in chunk)]

    script.hooks.append(on("UID FETCH", expunge, has="BODY.PEEK[]", times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert only_missing(p)
        assert (p.report().vanished, p.report().missing) == (1, 0)


async def test_same_uid_twice_with_the_same_body(play):
    script = ten()
    script.hooks.append(bodies(lambda _c, r: r.untagged.append(r.untagged[0])))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_same_uid_twice_with_two_bodies_is_quarantined(play):
    script = ten()
    other = response(5, Message(5, sample(999)), "(UID BODY.PEEK[])")

    def twice(command: Command, reply: Reply) -> None:
        reply.untagged += [other] * any(b"UID 5 " in chunk for chunk in reply.untagged)

    script.hooks.append(bodies(twice))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert p.quarantined() == {5: "conflict"}
        assert {place[2] for place in p.stored} >= set(range(1, 11)) - {5}


async def test_items_of_one_message_split_over_two_responses(play):
    script = ten()

    def split(_command: Command, reply: Reply) -> None:
        parts = []
        for message in inbox(script).messages:
            parts.append(b"* %d FETCH (UID %d FLAGS ())\r\n" % (message.uid, message.uid))
            parts.append(b"* %d FETCH (UID %d BODY[] " % (message.uid, message.uid) + literal(message.raw) + b")\r\n")
        reply.untagged = parts

    script.hooks.append(bodies(split))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("body", [b"BODY[] NIL", b'BODY[] ""', b"BODY[] {0}\r\n"])
async def test_a_body_that_never_comes_is_quarantined(play, body):
    script = ten(body=body)
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)
        assert list(p.quarantined()) == [5]
        assert (p.report().missing, p.report().quarantined) == (0, 1)


@pytest.mark.parametrize("body", [b"BODY[] NIL", b'BODY[] ""'])
async def test_a_body_that_comes_at_the_second_asking(play, body):
    script = ten(body=body)

    def mend(_command: Command, _reply: Reply) -> None:
        inbox(script).messages[4].body = None

    script.hooks.append(on("UID FETCH", mend, has="BODY.PEEK[]", times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_a_truly_empty_message_is_stored(play):
    script = ten(raw=b"", size=0)
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("size", [0, 1, 10_000_000_000, -1])
async def test_declared_size_that_lies(play, size):
    script = ten(size=size)
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("octets", [0, 500_000], ids=["in vain", "rightly"])
async def test_a_size_that_is_doubted_is_looked_at_once_where_the_look_ends_the_connection(play, octets):
    """Else it would end each connection before any body comes."""
    script = ten(size=500_000)
    inbox(script).messages[4].raw += b"x" * octets
    script.hooks.append(on("UID FETCH", closes(), has="BODY.PEEK[]<"))
    async with play(script, max_message_bytes=100_000) as p:
        assert (await p.sync()).exit_code == (3 if octets else 0)
        assert len([line for line in p.server.commands("UID FETCH") if "BODY.PEEK[]<" in line]) == 1
        assert only_missing(p, *[5] if octets else [])


async def test_short_literal_and_close_keeps_nothing_short(play):
    script = ten()
    script.hooks.append(on("UID FETCH", lambda _c, r: setattr(r, "cut", 1500), has="BODY.PEEK[]", times=3))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_bye_inside_a_literal(play):
    script = ten()
    broken = b"* 1 FETCH (UID 1 BODY[] {500}\r\nSubject: x\r\n* BYE going down\r\n"
    script.hooks.append(on("UID FETCH", lambda _c, _r: Reply(raw=broken, close=True), has="BODY.PEEK[]", times=2))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_five_gigabytes_announced(play):
    script = ten(body=b"BODY[] {5000000000}\r\nabc")
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)
        assert p.quarantined() == {5: "too-large"}


async def test_literal8_is_read_as_a_literal(play):
    script = ten()
    script.hooks.append(
        bodies(lambda _c, r: setattr(r, "untagged", [x.replace(b"BODY[] {", b"BODY[] ~{") for x in r.untagged]))
    )
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
