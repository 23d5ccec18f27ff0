"""What was measured, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from evals.repair.measure import Answer, Measured

LIMIT = 30.0
"""Seconds in which a small program's fault is to be repaired."""

Pick = Callable[[Measured], Answer]


def programs_report(measured: Sequence[Measured], about: Mapping[str, str]) -> list[str]:
    """The part about small programs."""
    lines = ["## Small programs with one fault", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    lines += [
        f"{len(measured)} programs. A repair counts when the tests it was given all pass and the edit was verified;"
        " it survives when the third of the tests that was held out passes as well.",
        "",
        "| | repaired | within 30 s | survive the held-out tests | the very fix | median seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, pick in (("Assay", _ours), ("plain mutation search", _plain)):
        lines.append(f"| {name} | {' | '.join(_program_cells(measured, pick))} |")
    lines += ["", "| class | programs | repaired | survive | plain: repaired | survive | median seconds |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for kind in sorted({each.kind for each in measured}):
        rows = [each for each in measured if each.kind == kind]
        counts = [len(rows), *_found(rows, _ours), *_found(rows, _plain)]
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} | {_median(rows, _ours)} |")
    lines += ["", "| program | repair | survives | others pass | seconds | tried | plain mutation search |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for each in measured:
        ours, plain = each.ours, each.plain
        what = ours.title if ours.plausible else f"none: {ours.ending}"
        other = f"{plain.title}{'' if plain.survives else ', fails held-out tests'}" if plain.plausible else "none"
        lines.append(
            f"| {each.name} | {_cell(what)} | {_word(ours.survives)} | {ours.rivals} | {ours.seconds:.1f}"
            f" | {ours.tried} | {_cell(other)} |"
        )
    return [*lines, ""]


def real_report(measured: Sequence[Measured], left_out: Sequence[str], about: Mapping[str, str]) -> list[str]:
    """The part about faults of public repositories."""
    lines = ["## Faults of public repositories", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    repositories = {each.name.rpartition("-")[0] for each in measured}
    lines += [
        f"{len(measured)} fixes of one function from {len(repositories)} repositories, none of which was looked at"
        " while the search was written. Plausible: the failing tests it was given pass and the others of the file"
        " still do. Right: equal to the true fix, or passing failing tests that were held out from it. Where a fix"
        " has a single failing test and the patch differs, nothing shows that it is right, and it does not count.",
        "",
        "| | plausible | in the true function | the very fix | right (the fix, or held-out tests) | wrong | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, pick in (("Assay", _ours), ("plain mutation search", _plain)):
        lines.append(f"| {name} | {' | '.join(_real_cells(measured, pick))} |")
    lines += ["", "| kind of fix | faults | plausible | right | plain: plausible | right |"]
    lines += ["|---|---|---|---|---|---|"]
    for kind in sorted({each.kind for each in measured}):
        rows = [each for each in measured if each.kind == kind]
        counts = [len(rows)]
        for pick in (_ours, _plain):
            counts += [_count(rows, pick, lambda a: a.plausible), _count(rows, pick, is_right)]
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} |")
    lines += ["", "| fault | patch | equal | held out | true function | others pass | tried | seconds | plain |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for each in measured:
        ours, plain = each.ours, each.plain
        what = ours.title if ours.plausible else f"none: {ours.ending}"
        other = (plain.title + (" (right)" if is_right(plain) else "")) if plain.plausible else "none"
        lines.append(
            f"| {each.name} | {_cell(what)} | {_word(ours.equal)} | {_word(ours.survives)} | {_word(ours.in_function)}"
            f" | {ours.rivals} | {ours.tried} | {ours.seconds:.0f} | {_cell(other)} |"
        )
    if left_out:
        lines += ["", "Left out:", "", *(f"- {reason}" for reason in left_out)]
    return [*lines, ""]


def is_right(answer: Answer) -> bool:
    """Shown to be right: equal to the true fix, or the tests held out pass."""
    return answer.plausible and (answer.equal or answer.survives is True)


def _ours(each: Measured) -> Answer:
    return each.ours


def _plain(each: Measured) -> Answer:
    return each.plain


def _program_cells(rows: Sequence[Measured], pick: Pick) -> list[str]:
    found, survive = _found(rows, pick)
    quick = _count(rows, pick, lambda answer: answer.plausible and answer.seconds <= LIMIT)
    equal = _count(rows, pick, lambda answer: answer.plausible and answer.equal)
    return [
        _share(found, len(rows)),
        _share(quick, len(rows)),
        _share(survive, found),
        _share(equal, found),
        _median(rows, pick),
    ]


def _real_cells(rows: Sequence[Measured], pick: Pick) -> list[str]:
    found = _count(rows, pick, lambda answer: answer.plausible)
    wrong = _count(rows, pick, lambda answer: answer.plausible and answer.survives is False and not answer.equal)
    return [
        _share(found, len(rows)),
        _share(_count(rows, pick, lambda answer: answer.plausible and answer.in_function), found),
        _share(_count(rows, pick, lambda answer: answer.plausible and answer.equal), found),
        _share(_count(rows, pick, is_right), found),
        _share(wrong, found),
        _median(rows, pick),
    ]


def _found(rows: Sequence[Measured], pick: Pick) -> tuple[int, int]:
    found = _count(rows, pick, lambda answer: answer.plausible)
    return found, _count(rows, pick, lambda answer: answer.plausible and bool(answer.survives))


def _count(rows: Sequence[Measured], pick: Pick, says: Callable[[Answer], bool]) -> int:
    return sum(says(pick(each)) for each in rows)


def _median(rows: Sequence[Measured], pick: Pick) -> str:
    return f"{statistics.median(pick(each).seconds for each in rows):.1f}" if rows else "-"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({part / whole:.0%})" if whole else "")


def _word(claim: bool | None) -> str:
    return "-" if claim is None else "yes" if claim else "no"


def _cell(text: str) -> str:
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= 90 else text[:89] + "…"
