"""Settings of the attachments service. Prefix ``MAILWEIR_ATTACHMENTS_``."""

from typing import ClassVar

from pydantic import Field

from services.common.settings import FromEnvironment


class AttachmentsSettings(FromEnvironment):
    """Bounds of the attachments service."""

    prefix: ClassVar[str] = "MAILWEIR_ATTACHMENTS_"

    batch: int = Field(64, ge=1, le=1000, description="Files a handler takes at once; 64 of 900 KiB stay below 64 MB.")
    within: float = Field(
        0.25, gt=0, le=5, description="Seconds to the next that is not full: longer takes less CPU, and adds delay."
    )
