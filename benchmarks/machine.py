"""What a figure depends on besides the code: said above the figures, so that two runs can be compared."""

import os
import platform

from services.parser import mime
from services.parser.compiled import FOLDER


def told() -> str:
    """Cores, load, Python, and which form of the parser runs, on one line."""
    form = "compiled" if mime.__path__[0].startswith(str(FOLDER)) else "interpreted"
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}, parser {form}"
