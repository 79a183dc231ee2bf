from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local import cluster
from services.common.stores.folder import FolderStore
from services.common.stores.s3 import S3Store, connect


@dataclass(frozen=True)
class Minio:
    components: cluster.Cluster
    store: S3Store


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
