"""Have the services done what is in the topics? For who must know that nothing is on its way any more."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka.structs import TopicPartition

from services.common.errors import Unavailable
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.kafka.watchdog import Lag, LagProbe
from services.common.topics import ALL_TOPICS

_ROUNDS = 3  # what the parser writes is read by attachments, and what those write by the storer
_LOOK = 0.5


async def catch_up(settings: KafkaSettings, within: float) -> None:
    """Wait until all that is in the topics now, and all that follows from it, was read and is done.

    Raises:
        Unavailable: not within so many seconds; a broker that does not answer meanwhile is asked again.

    """
    probes = {name: _probe(settings, name) for topic in ALL_TOPICS for name in topic.readers}
    busy, silence = next(iter(probes)), list[Unavailable]()
    try:
        async with asyncio.timeout(within):
            for _ in range(_ROUNDS):
                goals = {name: (await _lag(probe, silence)).ends for name, probe in probes.items()}
                for busy, probe in probes.items():
                    await _done(probe, goals[busy], silence)
    except TimeoutError:
        why = silence[0] if silence else f"{busy} has not read what waits for it"
        raise Unavailable(f"{why}; see `mailweir stack status` and try again") from None
    finally:
        for probe in probes.values():
            await probe.close()


async def _done(probe: LagProbe, goal: Mapping[TopicPartition, int], silence: list[Unavailable]) -> None:
    while True:
        committed = (await _lag(probe, silence)).committed
        if all(committed.get(partition, 0) >= end for partition, end in goal.items()):
            return
        await asyncio.sleep(_LOOK)


async def _lag(probe: LagProbe, silence: list[Unavailable]) -> Lag:
    """Until a broker answers; ``silence`` has the last failure while none does."""
    while True:
        try:
            lag = await probe.lag()
        except Unavailable as failure:
            silence[:] = [failure]
            await asyncio.sleep(_LOOK)
        else:
            silence.clear()
            return lag


def _probe(settings: KafkaSettings, name: str) -> LagProbe:
    topics: Sequence[str] = [settings.topic_prefix + topic.name for topic in ALL_TOPICS if name in topic.readers]
    return LagProbe(settings.bootstrap, settings.topic_prefix + name, topics, settings.request_timeout)
