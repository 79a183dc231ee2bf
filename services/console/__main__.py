"""``python -m services.console``: the console on the stack's database; it works while Kafka is down."""

import sys

from services.common.runtime.process import main as run_process
from services.common.settings import Database
from services.console.app import run
from services.console.settings import ConsoleSettings


def main() -> None:
    """Serve until told to stop; ends the process with the exit code of the cause."""
    sys.exit(run_process("console", run, ConsoleSettings, Database))


if __name__ == "__main__":
    main()
