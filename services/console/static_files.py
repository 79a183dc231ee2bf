"""The front-end files that ``make assets`` builds: sent packed where the browser can unpack, and kept for a year."""

import logging
import mimetypes
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

log = logging.getLogger(__name__)
FOLDER = Path(str(files("services.console") / "static"))
_STAMP = FOLDER / ".built"


@cache
def version() -> str:
    """What tells one build from another in addresses; before the first build pages are plain, and the log says why."""
    try:
        return _STAMP.read_text()[:12]
    except OSError:
        log.warning("the console's style sheet and scripts are not built, so its pages are plain; run: make assets")
        return "unbuilt"


def address(name: str) -> str:
    """Where a page finds a file; the address changes with its content, so that browsers may keep it."""
    return f"/static/{name}?v={version()}"


class Packed(StaticFiles):
    """Files that lie beside their gzip form; a class because the framework asks for one."""

    async def get_response(self, path: str, scope: Any) -> Response:
        """The gzip form for those who take it."""
        packed = FOLDER / f"{path}.gz"
        accepted = dict(scope["headers"]).get(b"accept-encoding", b"").decode("latin-1")
        if "gzip" not in accepted or Path(path).name != path or not packed.is_file():
            return await super().get_response(path, scope)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return FileResponse(packed, media_type=kind, headers={"content-encoding": "gzip", "vary": "accept-encoding"})
