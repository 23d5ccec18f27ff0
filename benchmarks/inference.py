"""What talking to models costs beside bare clients: `python -P -m benchmarks.inference`, after `scripts/get-triton`."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

from benchmarks import inference_cache, inference_observe, inference_triton, prefix_reuse
from benchmarks.inference_triton import Measured
from benchmarks.measure import heading, write


async def main() -> None:
    triton = await inference_triton.measured()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        caches = await inference_cache.measure(Path(folder))
    observed = await inference_observe.measure()
    parts = [
        heading("What talking to models costs", "python -P -m benchmarks.inference"),
        "## Triton, beside bare `tritonclient`\n\nThe same server, a scripted model of no delay, in turn.\n",
        _triton(triton),
        "\n## Caches\n" + inference_cache.table(caches),
        "\n## Metrics and spans\n" + inference_observe.table(observed),
        "\n## How much of a prompt a server has seen\n\nTyping in files of this repository, 24 lines each, blocks of 16"
        " tokens as vLLM keeps them: the part of each prompt that begins as the last one did.\n",
        _prefixes(),
    ]
    print(write("inference", "\n".join(parts)))


def _triton(found: Measured) -> str:
    first = found.first
    ours, bare = statistics.median(first.ours), statistics.median(first.bare)
    added = [first.added(share) for share in (0.5, 0.99)]
    rows = [
        ("time to the first piece, p50", f"{ours * 1e3:.2f} ms", f"{bare * 1e3:.2f} ms", "", "", None),
        ("- added, p50", f"{added[0] * 1e3:+.3f} ms", "", "", "under 1 ms", added[0] < 0.001),
        ("- added, p99", f"{added[1] * 1e3:+.3f} ms", "", "", "under 5 ms", added[1] < 0.005),
    ]
    for what, each in (("16 streams, pieces per second", found.streams), ("vectors per second", found.embedding)):
        ratio = f"{each.ratio:.3f}"
        rows.append((what, f"{each.ours:,.0f}", f"{each.bare:,.0f}", ratio, "at least 0.95", each.ratio >= 0.95))
    seen = found.cancelling
    shown = f"p50 {seen.p50 * 1e3:.1f}, p95 {seen.p95 * 1e3:.1f}, most {seen.most * 1e3:.1f} ms"
    rows.append(("closing a stream to the model's seeing it", shown, "", "", "p95 under 50 ms", seen.p95 < 0.05))
    lines = ["| what | Assay | bare client | ratio | bound | met |", "|---|---|---|---|---|---|"]
    for *cells, is_met in rows:
        lines.append(f"| {' | '.join(map(str, cells))} | {'' if is_met is None else 'yes' if is_met else '**no**'} |")
    return "\n".join(lines)


def _prefixes() -> str:
    lines = ["| file | way | prompts | tokens | of the last | of all before |", "|---|---|---|---|---|---|"]
    for name, ways in prefix_reuse.measured().items():
        for each in ways.values():
            cells = (name, each.way, each.requests, f"{each.tokens:,}", f"{each.from_last:.2f}", f"{each.from_all:.2f}")
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(main())
