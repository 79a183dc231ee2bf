"""Whether brokers remember what a group has read for as long as topics keep their records.

A group without members is forgotten after ``offsets.retention.minutes`` (KIP-211; 7 days unless set), and begins each
topic anew when it comes back.
"""

import math
from collections.abc import Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

_MINUTES, _RETENTION = "offsets.retention.minutes", "retention.ms"
_LONGEST = 2**31 - 1  # minutes; the setting is an int


async def advice(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> str:
    """What to set on brokers that forget sooner; empty where all is well, or where they do not tell."""
    broker = (await admin.describe_cluster())["brokers"][0]["node_id"]
    told = await _told(admin, ConfigResourceType.BROKER, [str(broker)], _MINUTES)
    kept = [int(value) for value in await _told(admin, ConfigResourceType.TOPIC, topics, _RETENTION)]
    if not told or not kept:
        return ""
    longest = _LONGEST if min(kept) < 0 else min(_LONGEST, math.ceil(max(kept) / 60_000))
    return _text(int(told[0]), longest) if int(told[0]) < longest else ""


def _text(minutes: int, longest: int) -> str:
    return (
        f"the brokers forget after {minutes / 1440:g} days what a group that is away has read, but keep records "
        f"longer, and then it reads all of them again: set {_MINUTES} to {longest} or more on them, see "
        "docs/delivery.md"
    )


async def _told(admin: AIOKafkaAdminClient, kind: ConfigResourceType, names: Sequence[str], setting: str) -> list[str]:
    """Its value for each, as far as we may know it."""
    answers = await admin.describe_configs([ConfigResource(kind, name, {setting: ""}) for name in names])
    found: list[dict[str, Any]] = [each for answer in answers for each in answer.to_object()["resources"]]
    entries = [entry for each in found if not each["error_code"] for entry in each["config_entries"]]
    return [entry["config_value"] for entry in entries if entry["config_names"] == setting and entry["config_value"]]
