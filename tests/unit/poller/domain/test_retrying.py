import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.domain.retrying import Failures, Pace, decide

PACE = Pace(base=5.0, longest=900.0, most_signins=3)


def test_counters_do_not_mix():
    after = decide(Failures(busy=7), "network", PACE, 0.0, 0.0)
    assert after.failures == Failures(network=1, busy=7)
    assert 2.5 <= after.wait <= 5.0


@pytest.mark.parametrize("kind", ["network", "busy", "quota"])
def test_each_failure_in_a_row_waits_longer(kind):
    first = decide(Failures(), kind, PACE, 0.0, 0.0)
    second = decide(first.failures, kind, PACE, 0.0, 0.0)
    assert (first.wait, second.wait, decide(second.failures, kind, PACE, 0.0, 0.0).wait) == (2.5, 5.0, 10.0)


def test_server_that_asks_for_a_pause_gets_it():
    assert decide(Failures(), "busy", PACE, 200.0, 0.0).wait == 200.0
    assert decide(Failures(busy=3), "busy", PACE, 200.0, 0.0).wait == 200.0


def test_quota_doubles_up_to_a_day():
    waits = [decide(Failures(busy=n), "quota", PACE, 3600.0, 0.0).wait for n in range(8)]
    assert waits[:4] == [3600.0, 7200.0, 14400.0, 28800.0]
    assert waits[-1] == 86400.0


@pytest.mark.parametrize(
    ("kind", "waits"), [("credential", [900.0, 3600.0, None]), ("ambiguous", [300.0, 900.0, None])]
)
def test_refused_secret_is_tried_a_few_times_far_apart(kind, waits):
    failures, seen, asked = Failures(), [], []
    for _ in range(3):
        decision = decide(failures, kind, PACE, 0.0, 0.5)
        failures = decision.failures
        seen.append(decision.wait)
        asked.append(decision.attention)
    assert seen == waits
    assert asked == [kind == "credential", kind == "credential", True]


def test_what_a_person_must_mend_is_looked_at_hourly():
    decision = decide(Failures(network=2), "person", PACE, 0.0, 0.0)
    assert (decision.wait, decision.attention, decision.failures) == (3600.0, True, Failures(network=2))


@given(st.integers(0, 10_000), st.floats(0, 0.999))
def test_network_waits_stay_within_their_bounds(failures, chance):
    assert 2.5 <= decide(Failures(network=failures), "network", PACE, 0.0, chance).wait <= 900.0
