"""An account that is erased on the stack: flags that the storer reads late go with it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from services.common import topics
from services.common.stores.folder import FolderStore
from services.storer import erase
from tests.integration.storer.conftest import Storer
from tests.integration.storer.test_mailbox import flags, stored

FOLDER = (
    "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'INBOX', 'active')"
)
LEFT = "SELECT (SELECT count(*) FROM place_states), (SELECT count(*) FROM folders), (SELECT count(*) FROM email_places)"


@dataclass(frozen=True)
class Stores:
    engine: Engine
    store: FolderStore


async def test_flags_that_are_read_after_the_mail_was_erased_go_too(
    storer: Storer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with storer.engine.begin() as connection:
        connection.execute(text(FOLDER))
    await stored(storer, 1)

    async def read_late(*_: Any) -> None:
        await storer.take(topics.MAIL_MAILBOX, [flags(5, "1", "a label of hers")])

    monkeypatch.setenv("MAILWEIR_KAFKA", "127.0.0.1:9")
    monkeypatch.setattr(erase, "catch_up", read_late)  # stands for Kafka, where the event was still on its way
    monkeypatch.setattr(erase, "_PAUSE", 0.01)
    stores = Stores(storer.engine, FolderStore(tmp_path, "mailweir"))
    await asyncio.to_thread(erase.erase_account, stores, "work", on_the_way=True)
    assert storer.rows(LEFT) == [(0, 0, 0)]
