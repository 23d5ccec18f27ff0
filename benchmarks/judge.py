"""Put the whole exam to the judge and count: attacks accepted, honest patches rejected, seconds spent.

`python -P -m benchmarks.judge [WORD …]` (a word selects cases by a part of their names); without words it writes
benchmarks/reports/judge.md.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.measure import heading, write
from sandbox.find import find_runner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "judge"))

from cases import Case, all_cases
from examiner import examine

from sandbox.ports import Runner

_AT_ONCE = 2


async def main(words: list[str]) -> None:
    chosen = [case for case in all_cases() if not words or any(word in case.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="assay-exam-") as folder:
        runner = await find_runner(state_dir=Path(folder) / "state")
        gate = asyncio.Semaphore(_AT_ONCE)
        started = time.perf_counter()
        try:
            answers = await asyncio.gather(*(_answer(case, runner, Path(folder), gate) for case in chosen))
        finally:
            await runner.close()
    text = _table(answers, time.perf_counter() - started)
    if words:
        print(text)
    else:
        print(write("judge", heading("The exam of the judge", "python -P -m benchmarks.judge") + text))


async def _answer(case: Case, runner: Runner, folder: Path, gate: asyncio.Semaphore) -> tuple[Case, str, str, float]:
    async with gate:
        started = time.perf_counter()
        grade, reason = await examine(case, runner, folder / case.name.replace("/", "-"))
        seconds = time.perf_counter() - started
    print("right" if case.accepts(grade) else "WRONG", case.name, grade, f"{seconds:.1f} s", reason, file=sys.stderr)
    return case, grade, reason, seconds


def _table(answers: list[tuple[Case, str, str, float]], seconds: float) -> str:
    groups: dict[str, list[tuple[Case, str, str, float]]] = defaultdict(list)
    for answer in answers:
        case = answer[0]
        groups[f"{case.kind}: {case.category}" if case.category else case.kind].append(answer)
    lines = [
        f"{len(answers)} cases in {seconds:.0f} s, {_AT_ONCE} at a time. Seconds are medians of those that were run;",
        "an edit that the screen refuses is not.",
        "",
        "| cases | number | right | run | median s |",
        "|---|---|---|---|---|",
    ]
    for name, group in sorted(groups.items()):
        right = sum(case.accepts(grade) for case, grade, _, _ in group)
        run = [each for _, _, _, each in group if each > 1.5]
        median = f"{statistics.median(run):.1f}" if run else ""
        lines.append(f"| {name} | {len(group)} | {right} | {len(run)} | {median} |")
    right = sum(case.accepts(grade) for case, grade, _, _ in answers)
    lines.append(f"| all | {len(answers)} | {right} | | |")
    wrong = [answer for answer in answers if not answer[0].accepts(answer[1])]
    lines += ["", "Wrong answers:" if wrong else "No wrong answers.", ""]
    lines += [f"- `{case.name}`: {grade}, expected {case.expected}. {case.why}" for case, grade, _, _ in wrong]
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
