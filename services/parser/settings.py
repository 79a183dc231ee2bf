"""Settings of the parser. Prefix ``MAILWEIR_PARSER_``."""

from typing import ClassVar

from pydantic import Field

from services.common.events import INLINE
from services.common.settings import FromEnvironment


class ParserSettings(FromEnvironment):
    """Bounds of the parser."""

    prefix: ClassVar[str] = "MAILWEIR_PARSER_"

    batch: int = Field(
        64, ge=1, le=1000, description="Messages a handler takes at once; 64 of 900 KiB stay below 64 MB."
    )
    within: float = Field(
        0.25, gt=0, le=5, description="Seconds to the next that is not full: longer takes less CPU, and adds delay."
    )
    inline_limit: int = Field(
        INLINE,
        ge=1024,
        le=1_000_000,
        description="Octets of a mail.parsed object: text above that is cut, and defects say so.",
    )
