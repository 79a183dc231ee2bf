"""Knowing that nothing is on its way any more: real Kafka."""

import pytest

from services.common.errors import Unavailable
from services.common.runtime.kafka.catching_up import catch_up
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.kafka.topics_admin import create, wanted
from tests.integration.runtime.lab import Lab


async def test_what_nobody_reads_is_waited_for_and_then_said(lab: Lab) -> None:
    await create(lab.bootstrap, wanted(prefix=lab.prefix))
    await catch_up(lab.settings, 60)
    await lab.publish(range(1, 11))
    with pytest.raises(Unavailable, match=r"(parser|attachments) has not read .*mailweir stack status"):
        await catch_up(lab.settings, 3)


async def test_brokers_that_do_not_answer_are_said_and_no_service_is_blamed() -> None:
    nobody = KafkaSettings(bootstrap="127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"^Kafka does not answer .*mailweir stack status"):
        await catch_up(nobody, 2)
