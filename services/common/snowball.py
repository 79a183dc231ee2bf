"""Many small objects in one request: a tar that MinIO takes apart on arrival (its "snowball" extension of S3)."""

import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO

from services.common.objects import NewObject

AUTO_EXTRACT = {"X-Amz-Meta-Snowball-Auto-Extract": "true"}


def packed(news: Sequence[tuple[NewObject, Mapping[str, str]]]) -> BytesIO:
    """A tar of objects, each with the headers it would have in a request of its own; at its start."""
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for new, headers in news:
            member = tarfile.TarInfo(new.key)
            member.size = len(new.data)
            member.pax_headers = {f"minio.metadata.{name}": text for name, text in headers.items()}
            archive.addfile(member, BytesIO(new.data))
    stream.seek(0)
    return stream
