"""What the log of the poller says of accounts."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from services.common.errors import Unavailable
from services.common.events import AccountReported, Event, FolderCreated, SyncReported
from services.poller.operator_log import LoggedPublisher

REFUSED = AccountReported(
    account="work", state="attention", signin="credential", detail="the server refused the sign-in.",
    advice="Enter a new code.", nexttry=datetime(2026, 11, 22, 9, 30, tzinfo=UTC), sequence=1,
)  # fmt: skip
WELL = AccountReported(account="work", state="active", signin="ok", sequence=2)


class Way:
    def __init__(self) -> None:
        self.taken: list[Event] = []

    async def publish(self, events: Sequence[Event]) -> None:
        self.taken += events
        raise Unavailable("Kafka does not answer")


async def test_a_refused_sign_in_is_a_warning_also_while_kafka_is_down(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = FolderCreated(account="work", folderid="f1", wire="INBOX", folder="INBOX", uidvalidity=7, sequence=1)
    way = Way()
    with pytest.raises(Unavailable):
        await LoggedPublisher(way).publish([folder, REFUSED, WELL])
    assert way.taken == [folder, REFUSED, WELL]
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        (
            "WARNING",
            "account work is attention, sign-in credential: the server refused the sign-in; Enter a new code; "
            "next try 2026-11-22T09:30:00Z",
        ),
        ("INFO", "account work is active, sign-in ok"),
    ]


async def test_a_folder_that_cannot_be_read_is_a_warning_and_one_that_can_is_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    passed = SyncReported(
        account="work", folderid="f1", wire="Sent", folder="Sent", uidvalidity=7, sequence=1, epoch=1, listed=3,
        published=3, quarantined=0, vanished=0, missing=0, servercount=3, passedat=datetime(2026, 11, 22, tzinfo=UTC),
    )  # fmt: skip
    for event in (passed, replace(passed, lasterror="the server refused SELECT")):
        with pytest.raises(Unavailable):
            await LoggedPublisher(Way()).publish([event])
    assert [each.getMessage() for each in caplog.records] == ["account work, folder Sent: the server refused SELECT"]
