"""What a run that is cut short again and again uses again."""

from services.poller.domain.state import Listed
from services.poller.domain.uidset import UidSet
from services.poller.imap.model import Opened
from services.poller.resuming import Look, Run

KEY = ("f1", 1)


def _look(exists: int) -> Look:
    uids = UidSet.range(1, exists)
    opened = Opened(b"INBOX", read_only=True, exists=exists, uidvalidity=1, uidnext=exists + 1)
    return Look(KEY, opened, Listed(uids, {}, complete=True, flagged=uids))


def _looked() -> Run:
    run = Run()
    run.looked(_look(3000))
    return run


def test_large_messages_of_several_slices_are_kept_together() -> None:
    run = _looked()
    run.sized(KEY, {2900})
    run.sized(KEY, set())
    run.sized(KEY, {5, 17})
    assert run.large(KEY) == {5, 17, 2900}


def test_nothing_is_known_of_another_folder_nor_after_a_new_listing() -> None:
    run = _looked()
    run.sized(("f2", 1), {9})
    run.sized(KEY, {2900})
    assert run.large(("f2", 1)) == set()
    run.looked(_look(3001))
    assert run.large(KEY) == set()
