"""Dead letters of every topic, replayed on real embedded stores."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.common.contract.records import SPECS, Record
from services.common.dead_letters import dead_letter, shortened
from services.common.errors import ConfigurationError, ContractViolated, Unavailable
from services.common.events import DeadLetter
from services.common.topics import MAIN_TOPICS
from services.front import letters, publishing
from services.front.embedded import publisher
from services.front.publishing import Send
from tests.contract import records
from tests.fakes.mail_events import fetched
from tests.integration.commands.conftest import MAIL, Home
from tests.polling import until

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
TOPICS = [topic.name for topic in MAIN_TOPICS]


def letter(record: Record, offset: int) -> DeadLetter:
    return dead_letter(replace(record, partition=0, offset=offset), "storer", "contract.schema", "-", NOW)


@pytest.mark.parametrize("topic", TOPICS)
async def test_bad_records_stay_dead_letters_and_the_rest_is_stored(home: Home, topic: str) -> None:
    bad = records.unusable(topic)
    await publisher(home.context).publish([*(letter(record, n) for n, record in enumerate(bad)), fetched(MAIL[0])])
    listed = home.lines("dlq", "list", "--json")
    assert [each["topic"] for each in listed] == [topic] * len(bad)
    for each in listed:
        with pytest.raises(ContractViolated, match="can only be dropped"):
            home.run("dlq", "replay", str(each["id"]))
    assert home.value("SELECT count(*) FROM dead_letters WHERE state = 'open'") == len(bad)
    assert home.value("SELECT count(*) FROM emails") == 1
    assert home.run("dlq", "drop", "--all").exit_code == 0
    assert home.lines("dlq", "list", "--json") == []


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_good_record_is_settled_by_a_replay(home: Home, topic: str) -> None:
    event = next(spec for spec in SPECS if spec.topic.name == topic)
    good = records.record(min((records.EXAMPLES / event.name / "v1").glob("*.json")), topic)
    await publisher(home.context).publish([letter(good, 3)])
    number = str(home.value("SELECT id FROM dead_letters"))
    assert "1 replayed, 0 of them" in home.run("dlq", "replay", number, number).stdout
    assert home.value("SELECT state FROM dead_letters WHERE service = 'storer'") == "replayed"


@pytest.mark.parametrize("words", [("list",), ("drop", "--all"), ("replay", "--all")])
async def test_a_topic_that_is_none_is_told(home: Home, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"no topic is called 'mail\.fetch'; there"):
        home.run("dlq", *words, "--topic", "mail.fetch")


@pytest.mark.parametrize("word", ["drop", "replay"])
async def test_a_topic_chooses_among_all_and_not_among_ids(home: Home, word: str) -> None:
    await publisher(home.context).publish([letter(records.unusable("mail.fetched")[0], 1)])
    with pytest.raises(ConfigurationError, match="--topic chooses among all"):
        home.run("dlq", word, str(home.value("SELECT id FROM dead_letters")), "--topic", "mail.audit")
    assert home.value("SELECT state FROM dead_letters") == "open"


async def test_what_nobody_can_use_does_not_keep_the_others_from_a_replay(home: Home) -> None:
    bad = letter(records.unusable("mail.fetched")[0], 1)
    good = records.record(min((records.EXAMPLES / "message-fetched" / "v1").glob("*.json")), "mail.fetched")
    await publisher(home.context).publish([bad, shortened(replace(bad, offset=2)), letter(good, 3)])
    done = home.run("dlq", "replay", "--all")
    assert done.exit_code == 3
    assert "can only be dropped" in done.stderr
    assert "only the beginning of its record" in done.stderr
    assert "1 replayed, 0 of them dead letters again, 2 stay" in done.stdout
    states = 'SELECT string_agg(state, \' \' ORDER BY "offset") FROM dead_letters WHERE "offset" < 4'
    assert home.value(states) == "open open replayed"


async def test_what_is_settled_meanwhile_is_left_to_who_did_it(home: Home) -> None:
    good = records.record(min((records.EXAMPLES / "message-fetched" / "v1").glob("*.json")), "mail.fetched")
    await publisher(home.context).publish([letter(good, 1), letter(good, 2), letter(good, 3)])
    first, second, third = (row.id for row in letters.listed(home.context.engine, None, every=False))
    letters.settle(home.context.engine, [second], "dropped")
    letters.settle(home.context.engine, [third], "replayed")
    done = await letters.replay(home.context, [first, second, third], lambda *_: None)
    assert (list(done.sent), list(done.again)) == ([first], [])
    states = "SELECT string_agg(state, ' ' ORDER BY id) FROM dead_letters WHERE \"offset\" < 4"
    assert home.value(states) == "replayed dropped replayed"
    assert "1 replayed" in home.run("dlq", "replay", str(second)).stdout


async def test_a_replay_that_is_killed_leaves_its_letter_open_and_a_second_one_beside_it_sends_nothing(
    home: Home,
) -> None:
    audited = min((records.EXAMPLES / "access-audited" / "v1").glob("*.json"))
    await publisher(home.context).publish([letter(records.record(audited, "mail.audit"), 1)])
    home.change("UPDATE dead_letters SET state = 'dropped'")
    number = home.value("SELECT id FROM dead_letters")
    with home.context.engine.begin() as holding:
        holding.execute(text("LOCK TABLE audit_log"))  # so the storer is in the middle of what was sent
        killed = home.started("dlq", "replay", str(number))
        until(lambda: home.value(WAITING))
        beside = home.run("dlq", "replay", str(number))
        killed.kill()
        killed.wait()
    assert beside.stdout.startswith("0 replayed")
    assert home.value("SELECT state FROM dead_letters") == "open"
    assert home.value("SELECT count(*) FROM audit_log") == 0
    assert "1 replayed, 0 of them" in home.run("dlq", "replay", "--all").stdout
    assert home.value("SELECT state FROM dead_letters") == "replayed"
    assert home.value("SELECT count(*) FROM audit_log") == 1


async def test_nothing_of_a_stranger_moves_the_cursor_where_a_letter_is_shown(home: Home) -> None:
    """Anybody who may write to a topic of dead letters chooses all of one."""
    risky = "\x1b]0;title\x07 \u202e \x9b"
    record = Record("mail.fetched", risky.encode(), b"x", ((f"x-{risky}", risky.encode()),))
    told = dead_letter(replace(record, partition=0, offset=1), risky, risky, risky, NOW)
    await publisher(home.context).publish([told])
    for words in ("dlq", "list"), ("dlq", "show", str(home.value("SELECT id FROM dead_letters"))):
        assert not set("\x1b\x07\u202e\x9b") & set(
            home.run(*words).stdout.replace("\x1b[0m", "").replace("\x1b[1m", "")
        )


MANY = """INSERT INTO dead_letters (topic, "partition", "offset", service, error, reason, at, key, value, headers)
SELECT 'mail.audit', 0, n, 'storer', 'refused.data', '-', now(), '', '', '[]' FROM generate_series(1, 2500) AS n"""


async def test_a_table_shows_the_oldest_of_many_letters_and_json_every_one(home: Home) -> None:
    home.change(MANY)
    numbers = [each["offset"] for each in home.lines("dlq", "list", "--json", "--topic", "mail.audit")]
    assert numbers == list(range(1, 2501))
    told = home.run("dlq", "list")
    assert told.stdout.count("refused.data") == 200
    assert "and 2300 more; --json lists every one" in told.stderr
    home.run("dlq", "drop", "--all")
    assert "no dead letters" in home.run("dlq", "list").stdout


async def test_what_was_sent_before_a_failure_is_settled_and_the_rest_is_open(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited = records.record(min((records.EXAMPLES / "access-audited" / "v1").glob("*.json")), "mail.audit")
    await publisher(home.context).publish([letter(audited, number) for number in range(30)])
    sent: list[int] = []

    @asynccontextmanager
    async def failing() -> AsyncIterator[Send]:
        async def send(_: Record) -> None:
            await asyncio.sleep(0)
            if len(sent) == 27:
                raise Unavailable("Kafka does not take the record")
            sent.append(1)

        yield send

    monkeypatch.setattr(publishing, "republishing", failing)
    home.environment["MAILWEIR_KAFKA"] = "127.0.0.1:1"
    with pytest.raises(Unavailable):
        home.run("dlq", "replay", "--all")
    assert home.value("SELECT count(*) FILTER (WHERE state = 'replayed') FROM dead_letters") == 27
