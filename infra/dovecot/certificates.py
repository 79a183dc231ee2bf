"""``python -m infra.dovecot.certificates FOLDER HOST``: an authority and a server certificate, made once."""

import sys
from pathlib import Path

from services.common.testca import write_certificates


def main() -> None:
    """Write ``ca.pem``, ``server.pem`` and ``server.key``."""
    made = write_certificates(Path(sys.argv[1]), sys.argv[2])
    print(f"certificate of {sys.argv[2]}: {made.server}, authority: {made.ca}")


if __name__ == "__main__":
    main()
