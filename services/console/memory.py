"""What the console remembers between requests, in this process only; a restart forgets it and is none the worse."""

import asyncio
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.common.accounts.fields import Account
from services.common.guard import Result
from services.common.oauth.flow import Pendings
from services.poller.doctor.model import Step
from services.poller.imap.model import Folder

_MOST_TESTS = 200


Mailbox = tuple[str, str, str]


def mailbox_of(account: Account) -> Mailbox:
    """Name, host and user: the same name may lead to another mailbox later, whose folders are others."""
    return account.slug, account.host, account.user


@dataclass(slots=True)
class Test:
    """A connection test of a user: the steps that may be shown so far, and the result once it ended.

    ``flood``: it was not begun, as there were too many. ``task`` keeps it alive while pages ask for it.
    """

    __test__ = False
    id: str
    user: int
    account: Account
    steps: list[Step] = field(default_factory=list)
    result: Result | None = None
    state: str = ""
    flood: bool = False
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Memory:
    """Connection tests, folder lists as last seen on servers, authorizations under way; whether there is to erase.

    ``look``: whether the database answers, as somebody asked last.
    """

    tests: dict[str, Test] = field(default_factory=dict)
    listings: dict[Mailbox, Sequence[Folder]] = field(default_factory=dict)
    pendings: Pendings = field(default_factory=Pendings)
    to_erase: threading.Event = field(default_factory=threading.Event)
    look: "asyncio.Task[bool] | None" = None

    def begin(self, user: int, account: Account) -> Test:
        """A new test; the oldest one is forgotten when there are many."""
        test = Test(secrets.token_urlsafe(16), user, account)
        while len(self.tests) >= _MOST_TESTS:
            del self.tests[next(iter(self.tests))]
        self.tests[test.id] = test
        return test
