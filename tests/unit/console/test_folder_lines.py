"""The lines of a page of folders: what the server lists, and what it no longer lists."""

from services.common.accounts.fields import Account
from services.console.folders_sync import lines
from services.poller.domain.state import FolderRecord
from services.poller.imap.model import Folder

ACCOUNT = Account(slug="work", host="imap.example.com", user="user@example.com")


def known(wire: str, state: str = "active") -> FolderRecord:
    return FolderRecord(id=wire, account="work", wire=wire.encode(), name=wire, state=state)


def test_inbox_is_one_folder_however_it_is_written() -> None:
    """RFC 9051 section 5.1."""
    told = lines(ACCOUNT, [Folder(b"Inbox", "Inbox"), Folder(b"sent", "sent")], [known("INBOX"), known("Sent")])
    assert [(each.name, each.state) for each in told] == [("Inbox", "active"), ("sent", "new"), ("Sent", "active")]


def test_without_a_listing_ours_are_told() -> None:
    (told,) = lines(ACCOUNT, [], [known("Work", "absent")])
    assert (told.name, told.state, told.chosen) == ("Work", "absent", True)
