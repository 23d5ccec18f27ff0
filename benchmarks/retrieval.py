"""What searching costs: each measurement of the index beside its peer or its limit, in the same run.

`python -P -m benchmarks.retrieval [--quick] [NAME...]`; writes benchmarks/reports/retrieval.md when nothing is left
out. Names: cold, dense, large (searches, stalls, memory), save, reopen, growth, windows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import retrieval_indexing as indexing
from benchmarks import retrieval_searching as searching
from benchmarks.measure import heading, write
from benchmarks.retrieval_desk import Row

Measurement = Callable[[Path], Awaitable[list[Row]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    files: int = 2_800
    """Of the Python workspace that is indexed from nothing and saved to."""
    rounds: int = 3
    dense_chunks: int = 1_500
    large_chunks: int = 50_000
    questions: int = 300
    saves: int = 50
    reopened_files: int = 10_000
    growth: tuple[int, ...] = (1_000, 10_000, 50_000)
    beyond: int = 100_000
    """Files of a folder that is larger than a workspace may be; 0 leaves it out."""
    is_patient: bool = True
    """Whether an index that is opened again was closed by a host that went by itself, in 5 s."""


QUICK = Sizes(growth=(1_000, 10_000), beyond=0)


def measurements(sizes: Sizes) -> Mapping[str, Measurement]:
    return {
        "windows": searching.windows,
        "large": partial(searching.large, chunks=sizes.large_chunks, asked=sizes.questions),
        "reopen": partial(
            indexing.reopen, files=sizes.reopened_files, rounds=sizes.rounds, is_patient=sizes.is_patient
        ),
        "cold": partial(indexing.cold, files=sizes.files, rounds=sizes.rounds),
        "save": partial(searching.save, files=sizes.files, saves=sizes.saves),
        "dense": partial(indexing.dense, chunks=sizes.dense_chunks),
        "growth": partial(indexing.growth, sizes=sizes.growth, beyond=sizes.beyond),
    }


async def main(sizes: Sizes, names: tuple[str, ...] = ()) -> None:
    """Every measurement, or those of these names; prints the table."""
    rows: list[Row] = []
    for name, measure in measurements(sizes).items():
        if names and name not in names:
            continue
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="assay-bench-", ignore_cleanup_errors=True) as folder:
            found = await measure(Path(folder))
        took = time.perf_counter() - began
        print(table(found), f"\n{name}: {took:.0f} s, load {os.getloadavg()[0]:.1f}\n", sep="\n", flush=True)
        rows += found
    if not names:
        print(write("retrieval", heading("What searching costs", "python -P -m benchmarks.retrieval") + table(rows)))


def table(rows: list[Row]) -> str:
    lines = [
        "",
        "| what | value | beside it | ratio | bound | met |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = {None: "", True: "yes", False: "**no**"}[row.met]
        lines.append(f"| {row.what} | {row.value} | {row.beside} | {ratio} | {row.bound} | {met} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What searching costs.")
    parser.add_argument("--quick", action="store_true", help="without the workspaces of 50,000 files and more")
    parser.add_argument("names", nargs="*", choices=[*measurements(Sizes()), []])
    given = parser.parse_args()
    asyncio.run(main(QUICK if given.quick else Sizes(), tuple(given.names)))
