"""What an S3 store refuses with, told with the next step."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error

from services.common.errors import Unavailable

_ABSENT = ("NoSuchKey", "NoSuchObject")
REFUSED = "AccessDenied"
_KEYS_ADVICE = "see MAILWEIR_S3_ACCESS_KEY and MAILWEIR_S3_SECRET_KEY; it is tried again"
_QUOTA_ADVICE = "the quota of the bucket is used up; raise it; it is tried again"
ADVICE = {
    "SignatureDoesNotMatch": _KEYS_ADVICE,
    "InvalidAccessKeyId": _KEYS_ADVICE,
    REFUSED: "let the user of these keys list, read, write and delete in the bucket, and ask where it is"
    " (s3:GetBucketLocation); it is tried again",
    "NoSuchBucket": "make it (python -m infra.minio.bucket), or name another by MAILWEIR_S3_BUCKET; it is tried again",
    "RequestTimeTooSkewed": "its clock and that of this machine differ by minutes; set both right; it is tried again",
    "XMinioStorageFull": "its disk is full; make room; it is tried again",
    "XMinioAdminBucketQuotaExceeded": _QUOTA_ADVICE,
    "QuotaExceeded": _QUOTA_ADVICE,
}


@contextmanager
def world(key: str = "") -> Iterator[None]:
    """Raises ``Unavailable`` with what to do, ``KeyError`` with the ``key`` where there is no such object."""
    try:
        yield
    except S3Error as error:
        if error.code in _ABSENT:
            raise KeyError(key) from None
        advice = ADVICE.get(error.code or "", "it is tried again")
        raise Unavailable(f"the object store refuses ({error.code}): {advice}") from error
    except InvalidResponseError as error:
        reason = "what answers at MAILWEIR_S3_ENDPOINT is no object store, or is the port of its pages"
        raise Unavailable(f"{reason}; it is tried again") from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(f"the object store does not answer ({_unreached(error)}); it is tried again") from error


def _unreached(error: Exception) -> str:
    """Where nothing was reached and why; without the address of an object, which the whole text has."""
    if not isinstance(error, urllib3.exceptions.MaxRetryError):
        return type(error).__name__
    where = f"{getattr(error.pool, 'host', '')}:{getattr(error.pool, 'port', '')}"
    said = error.reason.args[-1] if error.reason and error.reason.args else ""  # the first may be the connection
    reason = re.sub(r"\w*HTTPS?Connection(?:Pool)?\([^)]*\): ", "", str(said))
    return f"{where}: {reason[:160]}"
