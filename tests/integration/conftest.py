"""In which order files run side by side: no flag of xdist knows which of them wait and which compute."""

from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take a file of each folder in turn.

    The folders with few files have the slowest: they wait for brokers and start components. They begin early then, and
    beside those that compute, so that neither a core is idle nor a long file is the last one, alone.
    """
    files: defaultdict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    others = [path for path in files if HERE not in path.parents]
    folders: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in files.keys() - others:
        folders[path.parent].append(path)
    turns = zip_longest(*(sorted(folders[folder]) for folder in sorted(folders)))
    order = [*others, *(path for path in chain.from_iterable(turns) if path is not None)]
    items[:] = [item for path in order for item in files[path]]
