"""Settings of the poller. Prefix ``MAILWEIR_POLLER_``; what concerns one account is set per account."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PollerSettings(BaseSettings):
    """Which accounts this process serves, and where large messages rest on their way to the object store."""

    model_config = SettingsConfigDict(env_prefix="MAILWEIR_POLLER_", frozen=True)

    accounts: str = Field("", description="Names of accounts with commas between; empty: all, shared by leases.")
    spool: Path | None = Field(None, description="Folder for large messages under way; none: a temporary folder.")

    @property
    def only(self) -> frozenset[str]:
        """The named accounts; empty for all."""
        return frozenset(name.strip() for name in self.accounts.split(",") if name.strip())
