"""The keys that docs/objects.md gives a program that only reads, made as it stands there on the real store."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from minio.error import S3Error

from services.common.stores.s3 import connect
from tests.integration.stores.conftest import Minio

PAGE = (Path(__file__).parents[3] / "docs" / "objects.md").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
KEY = "work/messages/undated/a.eml"
FORBIDDEN: list[Callable[[Any], object]] = [
    lambda client: list(client.list_objects(bucket_name="mailweir", prefix="work/")),
    lambda client: client.put_object(bucket_name="mailweir", object_name=KEY, data=BytesIO(b"y"), length=1),
    lambda client: client.remove_object(bucket_name="mailweir", object_name=KEY),
]


def test_who_has_them_reads_an_object_and_nothing_else(minio: Minio) -> None:
    named: dict[str, Any] = {}
    exec(CODE, named)
    endpoint = minio.components.s3_endpoint
    connect(endpoint, *minio.components.s3_keys).put_object(
        bucket_name="mailweir", object_name=KEY, data=BytesIO(b"x"), length=1
    )
    named["add_reader"](endpoint.removeprefix("http://"), *minio.components.s3_keys, "classifier", "only to read")
    client = connect(endpoint, "classifier", "only to read")
    for act in FORBIDDEN:
        with pytest.raises(S3Error, match="AccessDenied"):
            act(client)
    assert client.get_object(bucket_name="mailweir", object_name=KEY).read() == b"x"
