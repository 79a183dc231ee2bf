"""``python -m services.poller``: the poller on Kafka, Postgres and the object store."""

import sys

from services.common.runtime.process import main as run_process
from services.poller.app import run


def main() -> None:
    """Run until told to stop; ends the process with the exit code of the cause."""
    sys.exit(run_process("poller", run))


if __name__ == "__main__":
    main()
