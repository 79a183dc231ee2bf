"""Which object store a set of settings means."""

from services.common.objects import ObjectStore
from services.common.settings import Settings
from services.common.stores.folder import FolderStore


def open_store(settings: Settings) -> ObjectStore:
    """MinIO or another S3 store where one is named, else a folder below ``MAILWEIR_HOME``."""
    if settings.s3_endpoint is None:
        return FolderStore(settings.home_path / "objects", settings.s3_bucket)
    assert settings.s3_access_key is not None  # Settings.faults sees to both
    assert settings.s3_secret_key is not None
    from services.common.stores.s3 import S3Store, connect

    client = connect(settings.s3_endpoint, settings.s3_access_key.reveal(), settings.s3_secret_key.reveal())
    return S3Store(client, settings.s3_bucket)
