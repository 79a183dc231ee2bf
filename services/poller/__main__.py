"""``python -m services.poller``: the poller on Kafka, Postgres and the object store."""

import sys

from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.process import main as run_process
from services.common.settings import Database
from services.poller.app import run
from services.poller.settings import PollerSettings


def main() -> None:
    """Run until told to stop; ends the process with the exit code of the cause."""
    sys.exit(run_process("poller", run, PollerSettings, KafkaSettings, Database))


if __name__ == "__main__":
    main()
