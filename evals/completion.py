"""`assay eval completion`: how often what is suggested at the cursor is what stood there, for each completer."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assist.complete.complete import Completion
from assist.complete.filters.syntax import Question, errors_in, is_worse
from assist.complete.means import Means, Model
from assist.complete.prompt import Dialect
from assist.complete.values import Hole, Wishes
from evals import repositories
from evals.holes import KINDS, EvalHole, cut, neighbours, read_humaneval
from evals.suites import REPOSITORIES_VARIABLE, cache_folder, load_definitions
from retrieval.chunking.languages import language_named

SUITES = ("scrapy", "cobra", "express", "fd", "gson")
"""One for each of Python, Go, JavaScript, Rust and Java, with small blocks in each."""
_LARGEST_FILE = 60_000
"""Characters: nobody reads the numbers of generated code."""
_WISHES = Wishes(least_wait=0.0, most_wait=0.0, seconds=20.0, gate="off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    hole: EvalHole
    text: str
    """Empty for none."""
    seconds: float
    parses: bool
    """Whether the file has no syntax errors with it."""

    @property
    def is_exact(self) -> bool:
        return self.text.strip() == self.hole.wanted.strip()

    @property
    def similarity(self) -> float:
        return similarity(self.text.strip(), self.hole.wanted.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Completer:
    name: str
    model: Model | None


def main(argv: Sequence[str]) -> int:
    """Run the evaluation; always 0, as no floor is set."""
    arguments = _parser().parse_args(argv)
    answers: dict[str, list[Answer]] = {}
    for name, files, holes in _suites(arguments):
        for completer in _completers(with_models=not arguments.no_models):
            _say(f"{name}: {len(holes)} holes, {completer.name}")
            found = asyncio.run(complete_all(completer, holes, files))
            answers.setdefault(completer.name, []).extend(found)
    text = render(answers, _about(argv))
    if arguments.output:
        arguments.output.write_text(text)
    else:
        print(text)
    return 0


async def complete_all(completer: Completer, holes: Sequence[EvalHole], files: Mapping[str, str]) -> list[Answer]:
    """What the whole pipeline shows in each hole, filters and all."""
    completion = Completion(time.monotonic)
    found: list[Answer] = []
    for hole in holes:
        others = neighbours(files, hole.path) if hole.path in files else ()
        means = Means(model=completer.model, others=lambda others=others: others, is_worse=_is_worse, version=lambda: 1)
        asked = Hole(
            document=hole.id,
            path=hole.path,
            language=hole.language,
            version=1,
            text=hole.before + hole.after,
            offset=len(hole.before),
        )
        began = time.perf_counter()
        outcome = await completion.complete(asked, means, _WISHES)
        seconds = time.perf_counter() - began
        text = outcome.items[0].text if outcome.items else ""
        completion.closed(hole.id)
        whole = hole.before + text + hole.after
        parses = bool(text) and errors_in(language_named(hole.language), whole) == 0
        found.append(Answer(hole=hole, text=text, seconds=seconds, parses=parses))
    await completion.close()
    return found


async def _is_worse(asked: Question) -> bool:
    return is_worse(asked)


def similarity(one: str, other: str) -> float:
    """1 less the edit distance (Levenshtein) in shares of the longer text."""
    if not one or not other:
        return 0.0 if one or other else 1.0
    before = list(range(len(other) + 1))
    for row, sign in enumerate(one, 1):
        now = [row]
        for column, wanted in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (sign != wanted)))
        before = now
    return 1.0 - before[-1] / max(len(one), len(other))


def render(answers: Mapping[str, Sequence[Answer]], about: Mapping[str, str]) -> str:
    """The report."""
    lines = ["# Completion: what was measured", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    lines += [
        "A hole is cut where the syntax has a seam, and what the whole pipeline shows in it is compared with what",
        "stood there. *Answered* is the share of holes where anything is shown; *right* is the share of the shown that",
        "is the same but for white space around it; *similar* is 1 less the edit distance in shares of the longer",
        "text, over the shown; *parses* is the share of the shown with which the file has no syntax error. The files",
        "of the same folder that stand next to it count as open.",
        "",
    ]
    for completer, found in answers.items():
        lines += [f"## {completer}", ""]
        for title, key in (("kind", _kind), ("language", _language)):
            lines += [
                f"| {title} | holes | answered | right | similar | parses | p50 ms |",
                "|---|---|---|---|---|---|---|",
            ]
            groups: dict[str, list[Answer]] = {}
            for answer in found:
                groups.setdefault(key(answer), []).append(answer)
            order = [str(kind) for kind in (*KINDS, "humaneval")] if key is _kind else sorted(groups)
            rows = [(name, groups[name]) for name in order if name in groups]
            lines += [_row(name, group) for name, group in (*rows, ("all", list(found)))]
            lines.append("")
    return "\n".join(lines)


def _kind(answer: Answer) -> str:
    return answer.hole.kind


def _language(answer: Answer) -> str:
    return answer.hole.language


def _row(name: str, group: Sequence[Answer]) -> str:
    shown = [answer for answer in group if answer.text]
    times = sorted(answer.seconds for answer in group)
    middle = times[len(times) // 2] * 1000 if times else 0.0
    if not shown:
        return f"| {name} | {len(group)} | 0.0 % | - | - | - | {middle:.2f} |"
    right = sum(answer.is_exact for answer in shown) / len(shown)
    similar = sum(answer.similarity for answer in shown) / len(shown)
    parses = sum(answer.parses for answer in shown) / len(shown)
    return (
        f"| {name} | {len(group)} | {len(shown) / len(group):.1%} | {right:.1%} | {similar:.3f} | {parses:.1%} "
        f"| {middle:.2f} |"
    )


def _suites(arguments: argparse.Namespace) -> Sequence[tuple[str, Mapping[str, str], list[EvalHole]]]:
    if arguments.humaneval is not None:
        return [("HumanEval-Infilling", {}, read_humaneval(arguments.humaneval)[: arguments.most])]
    wanted = arguments.suites or SUITES
    suites: list[tuple[str, Mapping[str, str], list[EvalHole]]] = []
    for definition in load_definitions().commits:
        if definition.name not in wanted:
            continue
        folder = repositories.locate(definition.repository, mirrors=arguments.repositories, cache=cache_folder())
        blobs = {
            path: blob
            for path, blob in repositories.tree(folder, definition.base).items()
            if path.endswith(definition.extensions) and path.startswith(definition.folders or ("",))
        }
        files = {path: text for path, text in repositories.texts(folder, blobs).items() if len(text) <= _LARGEST_FILE}
        suites.append((definition.name, files, cut(files, arguments.most)))
    return suites


def _completers(*, with_models: bool) -> list[Completer]:
    """The copy completer, and the model of the settings where there is one."""
    found = [Completer(name="Copied from open files, no model", model=None)]
    if with_models:
        from server.configuration import Configuration
        from server.models import Models

        settings, _ = Configuration(os.environ).settings()
        completer = Models(settings, os.environ).completer()
        if completer is not None:
            dialect = Dialect(family=completer.family, count=completer.count, context_tokens=completer.context_tokens)
            model = Model(generator=completer.generator, dialect=dialect)
            found.append(Completer(name=completer.generator.model, model=model))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay eval completion", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", help=f"names of repositories in evals/suites.toml; else {', '.join(SUITES)}"
    )
    parser.add_argument("--most", type=int, default=150, help="holes of each kind in each repository")
    parser.add_argument("--repositories", type=Path, metavar="DIR", help=f"git mirrors; also {REPOSITORIES_VARIABLE}")
    parser.add_argument(
        "--humaneval", type=Path, metavar="FILE", help="HumanEval-Infilling's JSON lines, in place of these"
    )
    parser.add_argument("--no-models", action="store_true", help="only the copy completer, whatever the settings name")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there")
    return parser


def _about(argv: Sequence[str]) -> dict[str, str]:
    root = Path(__file__).parent
    revision = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], stdout=subprocess.PIPE, text=True, check=False
    )
    shown = [Path(word).name if Path(word).is_absolute() else word for word in argv]
    return {
        "commit": revision.stdout.strip() or "unknown",
        "command": shlex.join(["assay", "eval", "completion", *shown]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
