"""``python -m services.common.postgres.idle_postgres HOME``: end the embedded Postgres when nobody uses it any more."""

import sys
import time
from pathlib import Path

from services.common.errors import MailweirError
from services.common.postgres import embedded_postgres

_LOOK_SECONDS = 60.0
_IDLE_LOOKS = 10


def watch(home: Path) -> None:
    """Look once a minute; after ten looks without a connection stop the server. Ends with it."""
    idle = 0
    while (count := embedded_postgres.clients(home)) is not None:
        idle = 0 if count else idle + 1
        if idle > _IDLE_LOOKS and embedded_postgres.stop(home, if_idle=True):
            return
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    try:
        watch(Path(sys.argv[1]))
    except MailweirError as error:
        sys.exit(str(error))
