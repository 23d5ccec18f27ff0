"""One server for all tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from inference.tritonserver.launch import TritonServer
from tests.inference.triton.scripted import running


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Generator[TritonServer, None, None]:
    forwarded = "--grpc-header-forward-pattern=(x-tenant|traceparent)"
    with running(tmp_path_factory.mktemp("triton"), extra=[forwarded]) as server:
        yield server
