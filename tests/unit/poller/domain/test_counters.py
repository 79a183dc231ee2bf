from datetime import UTC, datetime, timedelta

import pytest

from services.poller.domain.counters import Counters, believable
from services.poller.domain.schedule import asked_wait
from services.poller.domain.state import FolderRecord

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RECORD = FolderRecord(
    id="f", account="a", wire=b"x", name="x", uidnext_done=10, modseq_done=5, server_count=9, full_pass_at=NOW
)


@pytest.mark.parametrize(
    ("seen", "believed"),
    [
        (Counters(10, 5, 9), True),
        (Counters(11, 5, 9), False),
        (Counters(10, 6, 9), False),
        (Counters(10, 5, 8), False),
        (Counters(None, 5, 9), False),
        (Counters(10, None, 9), False),
    ],
)
def test_counters_must_all_stand_still(seen, believed):
    assert believable(RECORD, seen, NOW + timedelta(hours=1), 86400, thorough=True) is believed


@pytest.mark.parametrize(("thorough", "minutes", "believed"), [(True, 1, False), (False, 1, True), (False, 16, False)])
def test_without_modseq_they_are_believed_for_a_while_only(thorough, minutes, believed):
    record = FolderRecord(id="f", account="a", wire=b"x", name="x", uidnext_done=10, server_count=9, full_pass_at=NOW)
    seen = Counters(10, None, 9)
    assert believable(record, seen, NOW + timedelta(minutes=minutes), 86400, thorough=thorough) is believed


def test_a_server_without_uidnext_and_a_folder_without_a_full_look_are_never_believed():
    fresh = FolderRecord(id="f", account="a", wire=b"x", name="x", uidnext_done=10, modseq_done=5, server_count=9)
    assert not believable(fresh, Counters(10, 5, 9), NOW, 86400, thorough=True)
    mute = FolderRecord(id="f", account="a", wire=b"x", name="x", modseq_done=5, server_count=9, full_pass_at=NOW)
    assert not believable(mute, Counters(None, 5, 9), NOW, 86400, thorough=True)


def test_a_full_look_is_due_in_the_end():
    assert not believable(RECORD, Counters(10, 5, 9), NOW + timedelta(days=2), 86400, thorough=True)


def test_a_pause_that_the_server_names_is_kept_and_others_scale():
    assert asked_wait(30.0, "Suggested Backoff Time: 30000 milliseconds", 0.05) == 30.0
    assert asked_wait(60.0, "Rate limit hit", 0.05) == pytest.approx(0.6)
