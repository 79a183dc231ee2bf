"""Dead letters whose raw message is not in the store: what is said of them, and how a repair ends them."""

from msgspec.structs import replace

from services.cli.mending import lost_claims, workbench
from services.common.events import DataRef, MessageFetched
from services.common.message.heading import RAW_TYPE, raw_object
from services.common.objects import NewObject, uri_of
from services.front.embedded import publisher
from tests.fakes.mail_events import fetched
from tests.integration.commands.conftest import MAIL, Home


async def refused(home: Home) -> None:
    """One message, said to be in the store, where it is not: a dead letter of both readers."""
    home.change(
        "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'I', 'active')"
    )
    home.change(
        "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published) "
        "VALUES ('work-INBOX', 1, 1700000000, '{[1,2)}', '{[1,2)}')"
    )
    event = fetched(MAIL[0])
    claim = replace(event, body=DataRef(uri_of(home.context.store.bucket, _raw(event)[0])))
    await publisher(home.context).publish([claim])


async def test_the_ledger_says_why_a_dead_letter_is_in_quarantine(home: Home) -> None:
    await refused(home)
    (line,) = home.lines("ledger", "--json")
    newest = home.lines("dlq", "list", "--json")[-1]["id"]
    assert line["state"] == "quarantined"
    assert line["reason"].startswith("refused.object: the claim check leads to no raw message")
    assert line["reason"].endswith(f"; mailweir dlq show {newest}")


async def test_a_dead_letter_whose_raw_message_is_gone_is_fetched_again_by_a_repair(home: Home) -> None:
    await refused(home)
    assert home.value("SELECT (quarantined, pending, missing)::text FROM completeness") == "(1,0,0)"
    looked = home.run("repair", "--check")
    assert (looked.exit_code, "1 messages in dead letters" in looked.stdout) == (3, True)
    assert home.run("repair", "--offline").exit_code == 3
    assert len(home.lines("dlq", "list", "--json")) == 2
    with workbench.bench(home.context.engine) as bench:
        assert workbench.compare(bench, home.context.store, None).refused == 1
        assert (lost_claims.resting(bench, ["work"]), lost_claims.resting(bench, ["other"])) == (0, 1)
        workbench.note(bench, [fetched(MAIL[0])])
        assert lost_claims.resting(bench, []) == 0
    done = home.run("repair")
    assert (done.exit_code, "1 raw messages that are gone are not fetched: their account" in done.stderr) == (3, True)
    assert home.lines("dlq", "list", "--json") == []
    assert home.value("SELECT (quarantined, pending, missing)::text FROM completeness") == "(0,0,1)"
    assert home.run("repair", "--check").exit_code == 0


async def test_a_dead_letter_stays_when_the_server_does_not_have_the_message_either(home: Home) -> None:
    await refused(home)
    home.change("UPDATE folder_ledger SET vanished = '{[1,2)}'")
    assert home.run("repair").exit_code == 0
    assert len(home.lines("dlq", "list", "--json")) == 2


async def test_letters_for_another_reason_are_left_alone(home: Home) -> None:
    await refused(home)
    home.change("UPDATE dead_letters SET error = 'bug.ValueError'")
    assert home.run("repair", "--check").exit_code == 0
    home.run("repair")
    assert len(home.lines("dlq", "list", "--json")) == 2


async def test_letters_of_other_accounts_are_left_alone(home: Home) -> None:
    await refused(home)
    await home.take(MAIL[1], account="work-b")
    home.run("repair", "work-b")
    assert len(home.lines("dlq", "list", "--json")) == 2
    assert home.value("SELECT (quarantined, pending, missing)::text FROM completeness") == "(1,0,0)"


async def test_a_dead_letter_whose_raw_message_is_back_is_mended_without_the_server(home: Home) -> None:
    await refused(home)
    event = fetched(MAIL[0])
    home.context.store.put(NewObject(*_raw(event)))
    assert home.run("repair", "--offline").exit_code == 0
    assert home.lines("dlq", "list", "--json") == []
    assert home.value("SELECT (stored, quarantined, pending, missing)::text FROM completeness") == "(1,0,0,0)"


def _raw(event: MessageFetched) -> tuple[str, bytes, str, dict[str, str]]:
    key, metadata = raw_object(event.place, event.internaldate, event.contentsha256, MAIL[0])
    return key, MAIL[0], RAW_TYPE, metadata
