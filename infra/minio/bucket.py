"""``python -m infra.minio.bucket``: create the bucket of the settings unless it is there. A one-shot job."""

import sys

from services.common.environment import unknown
from services.common.errors import ConfigurationError, MailweirError
from services.common.settings import load
from services.common.stores.choice import open_store
from services.common.stores.s3 import S3Store


def main() -> int:
    """Exit code 0 when the bucket is there, else one line why."""
    for line in unknown():
        print(line, file=sys.stderr)
    try:
        store = open_store(load())
        if not isinstance(store, S3Store):
            raise ConfigurationError("MAILWEIR_S3_ENDPOINT is not set: there is no bucket to create")
        created = store.ensure_bucket()
    except MailweirError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"bucket {store.bucket} {'created' if created else 'is there'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
