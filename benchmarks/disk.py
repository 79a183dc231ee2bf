"""The disk of MinIO while the stack is measured: an XFS, which MinIO's own documents ask for (ADR 0011)."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.local import apt
from services.common.errors import MailweirError

_OCTETS = 16 << 30  # a file with a hole of that size


@contextmanager
def xfs(folder: Path) -> Iterator[str]:
    """Mount an empty XFS on ``folder`` for the block, and say so; without the right to, what lies there is left."""
    folder.mkdir(parents=True)
    with ExitStack() as undone:
        try:
            _mounted(folder, folder.with_name("xfs.img"), undone)
        except (MailweirError, subprocess.CalledProcessError) as error:
            yield f"no XFS ({error})"
            return
        yield "XFS"


def _mounted(folder: Path, image: Path, undone: ExitStack) -> None:
    with image.open("xb") as made:
        made.truncate(_OCTETS)
    undone.callback(image.unlink)
    _done(apt.program("mkfs.xfs", "xfsprogs", "which makes the disk of MinIO"), "-q", image)
    device = _done("losetup", "--find", "--show", "--direct-io=on", image)
    undone.callback(_done, "losetup", "--detach", device)
    _done("mount", "-t", "xfs", "-o", "noatime", device, folder)
    undone.callback(_done, "umount", folder)


def _done(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
