from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import minio as client
import pytest
from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException

from infra.local import cluster
from services.common.stores.folder import FolderStore
from services.common.stores.s3 import S3Store, connect
from tests.polling import until


@dataclass(frozen=True)
class Minio:
    components: cluster.Cluster
    store: S3Store

    def keys(self, user: str, *statements: dict[str, Any]) -> client.Minio:
        """A client by keys that may do no more than the statements say."""
        host, mighty = urlparse(self.components.s3_endpoint).netloc, StaticProvider(*self.components.s3_keys)
        admin = MinioAdmin(endpoint=host, credentials=mighty, secure=False)
        policy = {"Version": "2012-10-17", "Statement": statements}

        def allowed() -> bool:
            """A MinIO that has just been started forgets for a moment what it was told while it read what it knew."""
            try:
                admin.policy_add(user, policy=policy)
                admin.user_add(user, "canary-secret")
                admin.policy_set(user, user=user)
            except MinioAdminException as error:
                if "XMinioAdminNoSuchPolicy" not in str(error):
                    raise
                return False
            return True

        until(allowed)
        return connect(self.components.s3_endpoint, user, "canary-secret")


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with cluster.running({"minio"}, home=tmp_path_factory.mktemp("minio")) as components:
        store = S3Store(connect(components.s3_endpoint, *components.s3_keys), "mailweir")
        store.ensure_bucket()
        yield Minio(components, store)


@pytest.fixture(params=["folder", "minio"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FolderStore | S3Store:
    if request.param == "folder":
        return FolderStore(tmp_path)
    chosen: S3Store = request.getfixturevalue("minio").store
    for_test = list(chosen.keys(""))
    if for_test:
        chosen.delete(for_test)
    return chosen
