"""The report, and what it fails for."""

from __future__ import annotations

from evals.harness import ABLATIONS, SuiteResult, with_system
from evals.metrics import Outcome
from evals.report import failures, macro, render

GOOD = Outcome(reciprocal_rank=1.0, recall_1=1.0, recall_5=1.0, recall_10=1.0, ndcg=0.8)
BAD = Outcome(reciprocal_rank=0.0, recall_1=0.0, recall_5=0.0, recall_10=0.0, ndcg=0.0)


def result(name: str, kind: str, ours: tuple[Outcome, ...], bm25: tuple[Outcome, ...] = (BAD, BAD)) -> SuiteResult:
    outcomes = {"Assay": ours, "BM25 alone": bm25, **dict.fromkeys(ABLATIONS, bm25)}
    return SuiteResult(
        name=name, kind=kind, files=3, chunks=5, queries=len(ours), outcomes=outcomes, ranking_ms=(0.5, 0.7)
    )


FLOOR = frozenset({"scrapy", "celery"})


def test_floors() -> None:
    fine = [result("scrapy", "commits", (GOOD, GOOD)), result("celery", "commits", (GOOD, BAD))]
    assert failures(fine, FLOOR) == []
    poor = [result("scrapy", "commits", (GOOD, BAD)), result("celery", "commits", (GOOD, BAD))]
    assert failures(poor, FLOOR) == ["mean of the commit sets: MRR@10 0.500 is under 0.7"]
    assert failures(poor[:1], FLOOR) == []
    assert failures([result("django", "docstring", (BAD, BAD))], FLOOR) == ["django: MRR@10 0.000 is under 0.46"]
    below = [result("cobra", "commits", (GOOD, BAD), bm25=(GOOD, GOOD))]
    assert failures(below, FLOOR) == ["cobra: 0.500 is under BM25 alone, 1.000"]


def test_questions_in_words_are_measured_by_ndcg() -> None:
    assert macro([result("x", "questions", (GOOD, GOOD))], "Assay") == 0.8
    assert macro([result("x", "commits", (GOOD, GOOD))], "Assay") == 1.0
    assert macro([result("x", "commits", (GOOD, GOOD))], "semble, no model") is None


def test_the_report_has_every_group_and_the_systems_that_ran() -> None:
    results = [
        result("django", "docstring", (GOOD, BAD)),
        result("scrapy", "commits", (GOOD, BAD)),
        result("cobra", "commits", (GOOD, BAD)),
        with_system(result("cobra tree", "questions", (GOOD, BAD)), "Assay, the product", (GOOD, GOOD)),
    ]
    text = render(results, FLOOR, {"commit": "abc"})
    for words in ("- commit: abc", "Docstring to definition", "four sets", "other languages", "Questions in words"):
        assert words in text
    assert "| Assay | 0.500 (0.50 0.50 0.50) | 0.500 |" in text
    assert "| Assay, the product | 0.800 (1.00 1.00 1.00) | 0.800 |" in text
    assert "semble" not in text
    assert "| odd questions | 0.000 | 0.000 | 0.000 | 0.000 |" in text
    assert "0.60 ms (p50)" in text
