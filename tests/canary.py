"""The forms in which a secret could leak: plain, base64 at each alignment, URL and hex."""

import base64
from urllib.parse import quote


def forms(secret: str) -> set[str]:
    """Every form of a secret, or of its middle where the edges depend on neighbours."""
    plain = secret.encode()
    shifted = {base64.b64encode(b"\0" * shift + plain).decode()[4:-4] for shift in range(3)}
    return {secret, quote(secret, safe=""), plain.hex(), plain.hex().upper(), *shifted}


def found_in(secrets: dict[str, str], said: bytes) -> list[str]:
    """Names of the secrets that appear, never the secrets themselves."""
    return [name for name, secret in secrets.items() if any(form.encode() in said for form in forms(secret))]
