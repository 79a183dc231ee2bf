"""Settings of the storer. Prefix ``MAILWEIR_STORER_``."""

from typing import ClassVar

from pydantic import Field

from services.common.settings import FromEnvironment


class StorerSettings(FromEnvironment):
    """Bounds of the storer."""

    prefix: ClassVar[str] = "MAILWEIR_STORER_"

    batch: int = Field(
        500, ge=1, le=5000, description="Events per transaction; 500 give 60 % and 2,000 all of COPY's speed."
    )
    within: float = Field(
        0.25, gt=0, le=5, description="Seconds to the next that is not full: longer takes less CPU, and adds delay."
    )
