"""Settings of the storer. Prefix ``MAILWEIR_STORER_``."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StorerSettings(BaseSettings):
    """Bounds of the storer."""

    model_config = SettingsConfigDict(env_prefix="MAILWEIR_STORER_", frozen=True)

    batch: int = Field(
        500, ge=1, le=5000, description="Events per transaction; 500 give 60 % and 2,000 all of COPY's speed."
    )
    within: float = Field(
        0.25, gt=0, le=5, description="Seconds it waits for a batch: longer takes less CPU, and adds delay."
    )
