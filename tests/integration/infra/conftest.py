from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import cluster
from infra.local.cluster import Cluster


@pytest.fixture(scope="package")
def components(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """All four components, started once for the tests of this folder."""
    home: Path = tmp_path_factory.mktemp("components") / "a home, 合同"
    with cluster.running(cluster.NAMES, home) as found:
        yield found
