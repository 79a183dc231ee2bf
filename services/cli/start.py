"""What the program ``mailweir`` starts with: Ctrl-C before there is anything to end is the end, without a traceback."""

import signal


def main() -> None:
    """Import the commands, which takes a moment, and run one."""
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from services.cli.main import main as run

    signal.signal(signal.SIGINT, interrupted)
    run()
