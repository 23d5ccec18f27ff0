"""Results as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evals.harness import ABLATIONS, SuiteResult
from evals.metrics import Interval, Outcome, mean, paired, paired_macro

DOCSTRING_FLOOR, DOCSTRING_GOAL = 0.46, 0.55
COMMITS_FLOOR, COMMITS_GOAL = 0.70, 0.75

SYSTEMS = (
    "keyword counting",
    "BM25, plain words",
    "BM25 alone",
    "MiniLM alone",
    "weighted sum, not ranked",
    "semble, no model",
    "Assay, no model",
    "Assay",
    "Assay with history",
    "Assay, the product",
)
COMPARISONS = (
    ("Assay", "BM25 alone"),
    ("Assay", "MiniLM alone"),
    ("Assay", "keyword counting"),
    ("Assay", "semble, no model"),
    ("Assay, no model", "semble, no model"),
    ("Assay", "Assay, no model"),
    ("Assay with history", "Assay"),
    ("Assay", "weighted sum, not ranked"),
)

Metric = Callable[[Outcome], float]


def reciprocal_rank(outcome: Outcome) -> float:
    return outcome.reciprocal_rank


def ndcg(outcome: Outcome) -> float:
    return outcome.ndcg


def metric_of(result: SuiteResult) -> Metric:
    """MRR@10 for the suites with floors on it, NDCG@10 for questions in words, as published figures have it."""
    return ndcg if result.kind == "questions" else reciprocal_rank


def render(results: Sequence[SuiteResult], floor_names: frozenset[str], about: Mapping[str, str]) -> str:
    """The whole report.

    :param floor_names: the commit suites whose mean has a floor.
    :param about: facts for its head: commit, machine, command.
    """
    docstrings = [result for result in results if result.kind == "docstring"]
    floor = [result for result in results if result.name in floor_names]
    others = [result for result in results if result.kind == "commits" and result.name not in floor_names]
    words = [result for result in results if result.kind == "questions"]
    parts = ["# Retrieval: what was measured", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    parts += _verdict(docstrings, floor)
    for title, group in (
        ("Docstring to definition, MRR@10 (recall at 1, 5, 10)", docstrings),
        ("Commit subject to changed files, the four sets with a floor, MRR@10 (recall at 1, 5, 10)", floor),
        ("Commit subject to changed files, other languages, MRR@10 (recall at 1, 5, 10)", others),
        ("Questions in words over whole repositories, NDCG@10 by file (recall at 1, 5, 10)", words),
    ):
        if group:
            parts += [f"## {title}", "", *_systems(group), ""]
    parts += ["## Differences", "", "Paired bootstrap over questions, 95 % interval; * when it leaves 0 out.", ""]
    parts += [*_differences(docstrings, floor, others, words), ""]
    parts += ["## What each step is worth", "", "The loss when it is taken away, in the same metrics.", ""]
    parts += [*_ablation(docstrings, floor, others, words), ""]
    parts += [
        "## Odd and even questions",
        "",
        "The last round of choosing constants looked at the odd questions only, earlier ones at all.",
        "",
    ]
    parts += [*_halves(docstrings, floor, others, words), ""]
    spent = np.array([value for result in results for value in result.ranking_ms])
    if len(spent):
        parts += [
            "## Cost",
            "",
            f"Ranking takes {np.percentile(spent, 50):.2f} ms (p50) and {np.percentile(spent, 99):.2f} ms (p99) "
            f"a question, over {len(spent)} questions.",
            "",
        ]
    return "\n".join(parts)


def values(result: SuiteResult, system: str) -> list[float]:
    """A system's metric on each question of a suite."""
    metric = metric_of(result)
    return [metric(outcome) for outcome in result.outcomes[system]]


def macro(group: Sequence[SuiteResult], system: str) -> float | None:
    """The mean over suites of a system's mean; None when a suite lacks the system."""
    if not group or any(system not in result.outcomes for result in group):
        return None
    return float(np.mean([np.mean(values(result, system)) for result in group]))


def failures(results: Sequence[SuiteResult], floor_names: frozenset[str]) -> list[str]:
    """Which floors are not reached, in words."""
    failed: list[str] = []
    for result in results:
        if result.kind == "docstring" and (got := float(np.mean(values(result, "Assay")))) < DOCSTRING_FLOOR:
            failed.append(f"{result.name}: MRR@10 {got:.3f} is under {DOCSTRING_FLOOR}")
        ours, bm25 = (float(np.mean(values(result, name))) for name in ("Assay", "BM25 alone"))
        if ours < bm25:
            failed.append(f"{result.name}: {ours:.3f} is under BM25 alone, {bm25:.3f}")
    floor = [result for result in results if result.name in floor_names]
    if len(floor) == len(floor_names) and (got := macro(floor, "Assay") or 0.0) < COMMITS_FLOOR:
        failed.append(f"mean of the commit sets: MRR@10 {got:.3f} is under {COMMITS_FLOOR}")
    return failed


def _verdict(docstrings: Sequence[SuiteResult], floor: Sequence[SuiteResult]) -> list[str]:
    rows = ["| set | Assay | with history | floor | goal |", "|---|---|---|---|---|"]
    if docstrings:
        got = macro(docstrings, "Assay")
        rows.append(f"| docstrings, MRR@10 | {_number(got)} | - | {DOCSTRING_FLOOR} | {DOCSTRING_GOAL} |")
    if floor:
        got, past = macro(floor, "Assay"), macro(floor, "Assay with history")
        rows.append(
            f"| mean of the four commit sets, MRR@10 | {_number(got)} | {_number(past)} | {COMMITS_FLOOR:.2f} "
            f"| {COMMITS_GOAL} |"
        )
    return [*rows, ""] if len(rows) > 2 else []


def _systems(group: Sequence[SuiteResult]) -> list[str]:
    heads = [f"{result.name} ({result.queries} q, {result.files} files, {result.chunks} chunks)" for result in group]
    rows = [f"| system | {' | '.join(heads)} | mean |", "|---" * (len(group) + 2) + "|"]
    for system in SYSTEMS:
        cells: list[str] = []
        for result in group:
            if system in result.outcomes:
                average, metric = mean(result.outcomes[system]), metric_of(result)
                cells.append(
                    f"{metric(average):.3f} ({average.recall_1:.2f} {average.recall_5:.2f} {average.recall_10:.2f})"
                )
            else:
                cells.append("-")
        if any(cell != "-" for cell in cells):
            rows.append(f"| {system} | {' | '.join(cells)} | {_number(macro(group, system))} |")
    return rows


def _differences(*groups: Sequence[SuiteResult]) -> list[str]:
    heads = ["docstrings", "four commit sets", "other commit sets", "questions in words"]
    rows = [f"| | {' | '.join(heads)} |", "|---" * 5 + "|"]
    for one, other in COMPARISONS:
        cells: list[str] = []
        for group in groups:
            if macro(group, one) is None or macro(group, other) is None:
                cells.append("-")
                continue
            interval = paired_macro(
                {result.name: values(result, one) for result in group},
                {result.name: values(result, other) for result in group},
            )
            cells.append(_interval(interval))
        if any(cell != "-" for cell in cells):
            rows.append(f"| {one} against {other} | {' | '.join(cells)} |")
    rows.append("")
    below = ["Assay against BM25 alone on each suite:", ""]
    for group in groups:
        for result in group:
            interval = paired(values(result, "Assay"), values(result, "BM25 alone"))
            below.append(f"- {result.name}: {_interval(interval)}")
    return rows + below


def _ablation(*groups: Sequence[SuiteResult]) -> list[str]:
    rows = ["| | docstrings | four commit sets | other commit sets | questions in words |", "|---" * 5 + "|"]
    for system in ABLATIONS:
        cells: list[str] = []
        for group in groups:
            whole, without = macro(group, "Assay"), macro(group, system)
            cells.append("-" if whole is None or without is None else f"{without - whole:+.3f}")
        rows.append(f"| {system} | {' | '.join(cells)} |")
    return rows


def _halves(*groups: Sequence[SuiteResult]) -> list[str]:
    rows = ["| Assay | docstrings | four commit sets | other commit sets | questions in words |", "|---" * 5 + "|"]
    for label, start in (("odd questions", 1), ("even questions", 0)):
        cells = [
            _number(float(np.mean([np.mean(values(result, "Assay")[start::2]) for result in group]))) if group else "-"
            for group in groups
        ]
        rows.append(f"| {label} | {' | '.join(cells)} |")
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(interval: Interval) -> str:
    star = " *" if interval.is_clear else ""
    return f"{interval.mean:+.3f} ({interval.low:+.3f} to {interval.high:+.3f}){star}"
