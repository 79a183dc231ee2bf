"""The consumer that schemas/README.md shows, run as it stands there, on records of the real publisher."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from services.common import topics
from services.common.runtime.kafka.producer import KafkaPublisher
from services.common.runtime.kafka.topics_admin import create
from tests.fakes.mail_events import message, parsed
from tests.integration.runtime.lab import Lab

PAGE = (Path(__file__).parents[3] / "schemas" / "README.md").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
MAILS = 3


class Enough(Exception):
    """All that was published has come."""


async def test_the_consumer_of_the_page_reads_what_was_published_and_goes_on_behind_it(lab: Lab) -> None:
    topic = lab.prefix + topics.MAIL_PARSED.name
    await create(lab.bootstrap, [NewTopic(topic, 1, 1)])
    publisher = KafkaPublisher(lab.settings, "parser")
    try:
        await _spoil(lab, topic)
        await publisher.publish([(await parsed(message(f"number {uid}").as_bytes(), uid))[0] for uid in range(MAILS)])
        await _spoil(lab, topic)
        assert await _read(lab, MAILS) == [("number 0", "0"), ("number 1", "1"), ("number 2", "2")]
        await publisher.publish([(await parsed(message("later").as_bytes(), 9))[0]])
        assert await _read(lab, 1) == [("number 2", "2")], "the last one was not committed: it comes again"
    finally:
        await publisher.stop()


async def _spoil(lab: Lab, topic: str) -> None:
    """What keeps no contract stands between the others, and keeps nobody from them."""
    kind = ("ce_type", b"org.mailweir.email-parsed.v1")
    values = [([kind], value) for value in (b"{", b"\xff", b"[" * 100_000, None)]
    odd = [*values, ([("ce_id", b"\xff")], b"{}"), ([("ce_id", None)], b"{}")]
    async with AIOKafkaProducer(bootstrap_servers=lab.bootstrap) as producer:
        for headers, value in odd:
            await producer.send_and_wait(topic, value, b"odd", headers=headers)


async def _read(lab: Lab, wanted: int) -> list[tuple[str, str]]:
    named: dict[str, Any] = {}
    exec(CODE.replace('"mail.parsed"', f'"{lab.prefix}mail.parsed"').replace('"classifier"', f'"{lab.prefix}c"'), named)
    found: list[tuple[str, str]] = []

    def handle(attributes: dict[str, str], email: dict[str, Any]) -> None:
        found.append((email["subject"], attributes["uid"]))
        if len(found) == wanted:
            raise Enough

    with pytest.raises(Enough):
        await named["classify"](lab.bootstrap, handle)
    return found
