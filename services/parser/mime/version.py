"""The version of the parser: the same octets and the same version give the same event, octet for octet."""

from typing import Final

VERSION: Final = "1.0.0"
