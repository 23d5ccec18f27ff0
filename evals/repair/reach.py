"""`python -m evals.repair.reach`: which fixes of public histories some template makes, counted; nothing is run.

These counts are what the priors in `assist.repair.rank` come from. The tuning half of the repositories is counted
by default, so that what is reported stays unseen.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assist.repair.scope import Clues, Mutation, scopes
from assist.repair.source import apply, parse
from assist.repair.templates import mutations
from evals.repair.functions import function_at
from evals.repair.mine import fixes
from evals.repair.real import blob, load_places, located
from evals.suites import cache_folder

_SLACK = 60  # bytes around a fix in which a mutation may be the same change


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Whether a fix is among what the templates make of the function that it changed."""

    kind: str
    templates: tuple[str, ...]
    """Those that make it; none when it is out of reach."""
    made: int
    """Mutations of that function in all."""


def reached(before: bytes, after: bytes, function: str, kind: str, clues: Clues) -> Reached:
    made = list(mutations_in(before, function, clues))
    hits = {mutation.template for mutation in made if _may_equal(before, after, mutation)}
    return Reached(kind=kind, templates=tuple(sorted(hits)), made=len(made))


def mutations_in(content: bytes, function: str, clues: Clues) -> Iterator[Mutation]:
    source = parse("m.py", content)
    for scope in scopes(source) if source is not None else ():
        if scope.function is None or function_at(content, scope.function.lineno) != function:
            continue
        yield from mutations(scope, clues)


def _may_equal(before: bytes, after: bytes, mutation: Mutation) -> bool:
    """Looks first whether the change is where the fix is: parsing thousands of files would take hours."""
    front = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    back = next((at for at, (a, b) in enumerate(zip(before[::-1], after[::-1], strict=False)) if a != b), 0)
    near = range(front - _SLACK, len(before) - back + _SLACK)
    if not all(splice.start in near for splice in mutation.splices):
        return False
    try:
        return ast.dump(ast.parse(apply(before, mutation.splices))) == ast.dump(ast.parse(after))
    except (SyntaxError, ValueError, RecursionError):
        return False


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m evals.repair.reach", description=__doc__)
    parser.add_argument("--repositories", type=Path, help="a folder of mirrors, OWNER+NAME/repo")
    parser.add_argument("--half", choices=("tuning", "reported"), default="tuning")
    parser.add_argument("--most", type=int, default=60, help="fixes of one repository")
    arguments = parser.parse_args(argv)
    kinds, hit, templates, made = Counter[str](), Counter[str](), Counter[str](), 0
    for place in load_places():
        if place.half != arguments.half:
            continue
        folder = located(place.repository, arguments.repositories, cache_folder())
        for count, fix in enumerate(fixes(folder, place.head, most=4000)):
            if count >= arguments.most:
                break
            before, after = blob(folder, f"{fix.commit}^", fix.path), blob(folder, fix.commit, fix.path)
            found = reached(before, after, fix.change.function, fix.change.kind, Clues())
            kinds[found.kind] += 1
            made += found.made
            hit[found.kind] += bool(found.templates)
            templates.update(found.templates)
    print(f"{sum(kinds.values())} fixes of one function, {sum(hit.values())} within reach of a template without clues;")
    print(f"{made / max(1, sum(kinds.values())):.0f} mutations of a function")
    for kind, count in kinds.most_common():
        print(f"  {kind:10} {count:4}, within reach {hit[kind]}")
    for template, count in templates.most_common():
        print(f"  {template:16} {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
