"""Events about folders and accounts as rows: an event older than the row does not overwrite it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.common import topics
from services.common.events import (
    AccountReported,
    Event,
    FlagsChanged,
    FlagSet,
    FolderGone,
    FolderRenamed,
    MessagesReturned,
    MessagesVanished,
    SyncReported,
)
from services.common.service import Rejected
from tests.fakes.mail_events import message, parsed, place
from tests.integration.storer.conftest import Storer

STATES = "SELECT uid, flags, visible FROM email_places ORDER BY uid"


def about(sequence: int, **more: Any) -> dict[str, Any]:
    where = place()
    folder = {"account": where.account, "folderid": where.folderid, "folder": "INBOX", "wire": "INBOX"}
    return {**folder, "uidvalidity": where.uidvalidity, "sequence": sequence, **more}


def flags(sequence: int, uids: str, *names: str) -> FlagsChanged:
    return FlagsChanged(**about(sequence), changes=(FlagSet(uids=uids, flags=names),))


def report(sequence: int, **numbers: int) -> SyncReported:
    zero = dict.fromkeys(("listed", "published", "quarantined", "vanished", "missing", "servercount"), 0)
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    return SyncReported(**about(sequence), epoch=1, passedat=moment, **(zero | numbers))


async def stored(storer: Storer, *uids: int) -> None:
    events = [(await parsed(message(f"n{uid}").as_bytes(), uid))[0] for uid in uids]
    await storer.take(topics.MAIL_PARSED, events)


async def test_flags_and_visibility_follow_in_order(storer: Storer) -> None:
    await stored(storer, 1, 2, 3)
    await storer.take(topics.MAIL_MAILBOX, [flags(5, "1:2", "\\Seen"), MessagesVanished(**about(6), uids="2:3")])
    await storer.take(topics.MAIL_MAILBOX, [flags(4, "1", "\\Old"), MessagesReturned(**about(7), uids="3")])
    assert storer.rows(STATES) == [(1, ["\\Seen"], True), (2, ["\\Seen"], False), (3, [], True)]


async def test_flags_that_come_before_the_message_are_not_lost(storer: Storer) -> None:
    await storer.take(topics.MAIL_MAILBOX, [flags(5, "1:2", "\\Seen"), MessagesVanished(**about(6), uids="2")])
    await stored(storer, 1, 2)
    assert storer.rows(STATES) == [(1, ["\\Seen"], True), (2, ["\\Seen"], False)]
    assert storer.value("SELECT count(*) FROM place_states") == 0


@pytest.mark.parametrize("stored_first", [True, False])
async def test_flags_that_are_told_again_late_do_not_wait_for_what_vanished_or_came_back_since(
    storer: Storer, stored_first: bool
) -> None:
    if stored_first:
        await stored(storer, 1, 2, 3)
    await storer.take(topics.MAIL_MAILBOX, [MessagesVanished(**about(6), uids="1:3"), flags(7, "3", "\\Newer")])
    await storer.take(topics.MAIL_MAILBOX, [flags(5, "1:3", "\\Seen"), MessagesReturned(**about(4), uids="1")])
    await storer.take(topics.MAIL_MAILBOX, [MessagesReturned(**about(8), uids="2"), flags(5, "2", "\\Seen")])
    if not stored_first:
        await stored(storer, 1, 2, 3)
    assert storer.rows(STATES) == [(1, ["\\Seen"], False), (2, ["\\Seen"], True), (3, ["\\Newer"], False)]


@pytest.mark.parametrize("uids", ["1:4294967295", "4294967295:1", f"1:{10**12},{10**12}:1", f"1:{10**30}"])
async def test_too_many_uids_are_refused_as_data(storer: Storer, uids: str) -> None:
    for event in (flags(1, uids, "\\Seen"), MessagesVanished(**about(1), uids=uids)):
        (outcome,) = await storer.take(topics.MAIL_MAILBOX, [event])
        assert isinstance(outcome, Rejected)
        assert outcome.error == "refused.data"


@pytest.mark.parametrize("uids", ["1:*", "-5", ":1", "1::2", "a", "１", "1 2", "9" * 5_000])
async def test_what_is_no_set_of_uids_is_refused_with_why(storer: Storer, uids: str) -> None:
    outcomes = await storer.take(topics.MAIL_MAILBOX, [flags(1, uids, "\\Seen"), flags(2, "7,9:8", "\\Seen")])
    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Rejected)]
    assert reasons == ["uids is no sequence-set of numbers"]
    assert storer.rows("SELECT uid FROM place_states ORDER BY uid") == [(7,), (8,), (9,)]


async def test_too_many_uids_in_many_groups_are_refused_as_data(storer: Storer) -> None:
    groups = tuple(FlagSet(uids="1:900000", flags=(f"n{number}",)) for number in range(5_000))
    (outcome,) = await storer.take(topics.MAIL_MAILBOX, [FlagsChanged(**about(1), changes=groups)])
    assert isinstance(outcome, Rejected)


@pytest.mark.parametrize(
    "event",
    [
        MessagesVanished(**(about(1) | {"folderid": "f" * 300_000}), uids="1:9000"),
        FlagsChanged(**about(1), changes=(FlagSet(uids="1:9000", flags=("n" * 100_000, "m" * 100_000)),)),
        FlagsChanged(**about(1), changes=(FlagSet(uids="1:9000", flags=(), labels=("n" * 200_000,)),)),
    ],
    ids=["folder", "flags", "labels"],
)
async def test_a_long_text_about_many_uids_is_refused_as_data(storer: Storer, event: Event) -> None:
    (outcome,) = await storer.take(topics.MAIL_MAILBOX, [event])
    assert isinstance(outcome, Rejected)
    assert outcome.error == "refused.data"


async def test_a_uid_that_is_named_twice_is_refused_as_data_and_the_next_event_is_applied(storer: Storer) -> None:
    twice = FlagsChanged(**about(1), changes=(FlagSet(uids="1:3", flags=("a",)), FlagSet(uids="2", flags=("b",))))
    outcomes = await storer.take(topics.MAIL_MAILBOX, [twice, flags(2, "2", "\\Seen")])
    assert [outcome.error for outcome in outcomes if isinstance(outcome, Rejected)] == ["refused.data"]
    assert storer.rows("SELECT uid, flags FROM place_states") == [(2, ["\\Seen"])]


async def test_the_ends_of_a_range_stand_in_any_order(storer: Storer) -> None:
    await stored(storer, 1, 2, 3)
    await storer.take(topics.MAIL_MAILBOX, [flags(5, "3:2", "\\Seen")])
    assert storer.rows(STATES) == [(1, [], True), (2, ["\\Seen"], True), (3, ["\\Seen"], True)]


async def test_the_newest_report_stays(storer: Storer) -> None:
    await storer.take(topics.MAIL_MAILBOX, [report(2, listed=9), report(1, listed=5)])
    await storer.take(topics.MAIL_MAILBOX, [FolderRenamed(**about(3, folder="In"), oldfolder="INBOX", oldwire="INBOX")])
    assert storer.rows("SELECT folder, listed, state FROM email_sync_status") == [("In", 9, "active")]
    await storer.take(topics.MAIL_MAILBOX, [FolderGone(**about(4, folder="In")), report(3, listed=1)])
    assert storer.rows("SELECT listed, state FROM email_sync_status") == [(9, "gone")]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_the_newest_account_state_stays(storer: Storer, order: tuple[int, int]) -> None:
    told = {1: ("backoff", "network"), 2: ("active", "ok")}
    for sequence in order:
        state, signin = told[sequence]
        event = AccountReported(account="work", state=state, signin=signin, sequence=sequence)
        await storer.take(topics.MAIL_MAILBOX, [event])
    assert storer.rows("SELECT state, signin FROM account_status") == [("active", "ok")]
