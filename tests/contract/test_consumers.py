"""Each consumer takes every example of its topics, on the real stores, and what it gives out keeps the contract."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, text

from services.attachments import app as attachments
from services.attachments.settings import AttachmentsSettings
from services.common.contract.records import SPECS, decode, encode
from services.common.events import AttachmentExtracted, Event
from services.common.service import Rejected, Service
from services.common.settings import read
from services.common.stores.folder import FolderStore
from services.parser import app as parser
from services.parser.adapters import opener
from services.parser.settings import ParserSettings
from services.storer import app as storer
from services.storer import tables
from services.storer.adapters import PostgresWriter
from services.storer.settings import StorerSettings
from tests.contract.records import example_files, record

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TOPIC_OF = {spec.name: spec.topic.name for spec in SPECS}
EXAMPLES = [path for path in example_files() if "by-reference" not in path.stem]
REFERENCES = [path for path in example_files() if "by-reference" in path.stem]


def event(path: Path) -> Event:
    return decode(record(path, TOPIC_OF[path.parts[-3]]))


@pytest.fixture(scope="module")
def services(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> list[Service]:
    store = FolderStore(tmp_path_factory.mktemp("objects"))
    return [
        parser.service(read(ParserSettings), parser.Ports(opener(store))),
        attachments.service(read(AttachmentsSettings), attachments.Ports(store)),
        storer.service(read(StorerSettings), storer.Ports(PostgresWriter(database))),
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
async def test_every_reader_takes_the_example_twice(path: Path, services: list[Service]) -> None:
    topic = TOPIC_OF[path.parts[-3]]
    readers = [each for service in services for each in service.subscriptions if each.topic.name == topic]
    assert readers
    for reader in readers:
        for _ in range(2):
            for outcome in await reader.handler([event(path)]):
                assert not isinstance(outcome, Rejected), outcome.reason
                told = replace(outcome, hashed=False) if isinstance(outcome, AttachmentExtracted) else outcome
                assert decode(encode(outcome, "test", NOW)) == told


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
async def test_a_claim_check_without_its_object_rejects_the_event_alone(path: Path, services: list[Service]) -> None:
    topic = TOPIC_OF[path.parts[-3]]
    for service in services:
        for reader in service.subscriptions:
            if reader.topic.name == topic:
                outcomes = await reader.handler([event(path)])
                assert [type(outcome) for outcome in outcomes] == [Rejected]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
async def test_a_repeat_changes_no_row(path: Path, services: list[Service], database: Engine) -> None:
    topic = TOPIC_OF[path.parts[-3]]
    readers = [each for each in services[-1].subscriptions if each.topic.name == topic]
    for reader in readers:
        await reader.handler([event(path)])
        before = rows_of(database)
        await reader.handler([event(path)])
        assert rows_of(database) == before


def rows_of(database: Engine) -> dict[str, list[str]]:
    """Every row of every table of the storer, ids and times of storing included."""
    with database.connect() as connection:
        return {
            table.name: sorted(connection.execute(text(f"SELECT t::text FROM {table.name} t")).scalars())
            for table in tables.OWNED
        }
