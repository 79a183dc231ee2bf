"""Settings of the poller. Prefix ``MAILWEIR_POLLER_``; what concerns one account is set per account."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from services.common.settings import FromEnvironment


class PollerSettings(FromEnvironment):
    """Which accounts this process serves, and where large messages rest on their way to the object store."""

    prefix: ClassVar[str] = "MAILWEIR_POLLER_"

    accounts: str = Field("", description="Names of accounts with commas between; empty: all, shared by leases.")
    spool: Path | None = Field(None, description="Folder for large messages under way; none: a temporary folder.")

    def faults(self) -> Iterator[str]:
        """A folder that is not there would be missed with the first large message."""
        if self.spool is not None and not (self.spool.is_dir() and os.access(self.spool, os.W_OK | os.X_OK)):
            yield f"MAILWEIR_POLLER_SPOOL: {self.spool} is no folder that this process may write to"

    @property
    def only(self) -> frozenset[str]:
        """The named accounts; empty for all."""
        return frozenset(name.strip() for name in self.accounts.split(",") if name.strip())
