"""Verified TLS towards servers: chain, name and TLS >= 1.2 (RFC 8997, RFC 9525). No switch turns any of it off."""

import ssl
from pathlib import Path


def client_context(ca_file: Path | str | None) -> ssl.SSLContext:
    """What every connection of ours begins with; trusts the certificates of a file, or the system's.

    It is not Python's default context: that one writes the keys of connections where the environment says.

    Raises:
        OSError: the file cannot be read, or (ssl.SSLError) holds no certificate.

    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_COMPRESSION
    made.hostname_checks_common_name = False  # RFC 9525 section 2
    if ca_file is None:
        made.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        made.load_verify_locations(cafile=ca_file)
    return made
