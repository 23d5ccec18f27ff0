"""Each measurement of `make bench` runs, on workspaces of a few files: a benchmark that nobody runs rots."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.retrieval import Sizes, measurements, table

TINY = Sizes(files=12, rounds=1, dense_chunks=10, large_chunks=60, questions=4, saves=2, reopened_files=12,
             growth=(5, 12), beyond=0, is_patient=False)  # fmt: skip


@pytest.mark.parametrize("name", list(measurements(TINY)))
async def test_it_measures(name: str, tmp_path: Path) -> None:
    rows = await measurements(TINY)[name](tmp_path)
    assert rows
    assert all(row.value for row in rows)
    assert any(row.bound and row.met is not None for row in rows)
    assert table(rows).count("\n") == len(rows) + 2
