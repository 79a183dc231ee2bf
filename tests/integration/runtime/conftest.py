from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.local import cluster
from infra.local.cluster import Cluster
from tests.integration.runtime.lab import Lab


@pytest.fixture(scope="session")
def components(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster.running({"kafka"}, tmp_path_factory.mktemp("components")) as running:
        yield running


@pytest.fixture
async def lab(components: Cluster, tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(components.kafka, tmp_path)
    await made.make_topics()
    yield made
    made.close()
