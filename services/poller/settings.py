"""Settings of the poller. Prefix ``MAILWEIR_POLLER_``; what concerns one account is set per account."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from services.common.settings import FromEnvironment


class PollerSettings(FromEnvironment):
    """Which accounts this process serves, and where large messages rest on their way to the object store."""

    prefix: ClassVar[str] = "MAILWEIR_POLLER_"

    accounts: str = Field("", description="Names of accounts with commas between; empty: all, shared by leases.")
    spool: Path | None = Field(None, description="Folder for large messages under way; none: a temporary folder.")

    @property
    def only(self) -> frozenset[str]:
        """The named accounts; empty for all."""
        return frozenset(name.strip() for name in self.accounts.split(",") if name.strip())
