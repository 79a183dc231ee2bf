from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import cluster
from infra.local.cluster import Cluster


@pytest.fixture(scope="session")
def components(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """All four components, for whichever files of this folder a process runs."""
    home: Path = tmp_path_factory.mktemp("components") / "a home, 合同"
    with cluster.running(cluster.NAMES, home) as found:
        yield found
