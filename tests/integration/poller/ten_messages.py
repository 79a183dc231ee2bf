"""A folder of ten messages, and what must be stored of it."""

import hashlib

from tests.fakes.imap_model import Mailbox, Script, messages
from tests.integration.poller.conftest import inbox

ALL = {("INBOX", 1_700_000_000, uid) for uid in range(1, 11)}


def ten(**first) -> Script:
    script = Script({b"INBOX": Mailbox(messages(10))})
    for name, value in first.items():
        setattr(inbox(script).messages[4], name, value)
    return script


def only_missing(p, *uids: int) -> bool:
    """Everything but these UIDs is stored, with the true content."""
    expected = {m.uid: hashlib.sha256(m.raw).hexdigest() for m in inbox(p.server.script).messages if m.uid not in uids}
    assert {place[2]: sha for place, sha in p.stored.items()} == expected
    assert set(p.recorder.times.values()) <= {1}
    return True
