"""How long a broker may hold a request for news: briefly while there is work, longer where nothing could be held up."""

from typing import Any

_BUSY_MS = 100  # aiokafka asks a broker once at a time: partitions without news keep the others waiting so long
_QUIET_MS = 500  # measured, an idle service: two thirds of its CPU, and nine tenths of the broker's


def be_patient(fetcher: Any) -> None:
    """Let the ``Fetcher`` of aiokafka, which has one fixed wait, look at its partitions before each request.

    A request that asks for all of them is answered by the first record of any, so its wait delays nothing. What is read
    and not taken yet, or paused, is in no request, and must be asked for soon.
    """
    actions = fetcher._get_actions_per_node

    def looked(assignment: Any) -> Any:
        whole = not fetcher._records and not any(assignment.state_value(tp).paused for tp in assignment.tps)
        fetcher._fetch_max_wait_ms = _QUIET_MS if whole else _BUSY_MS
        return actions(assignment)

    fetcher._get_actions_per_node = looked
