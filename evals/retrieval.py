"""`assay eval retrieval`: how well code is found, against baselines, over suites built from public repositories."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals import commits, docstrings, harness, report, repositories
from evals.suites import (
    CACHE_VARIABLE,
    REPOSITORIES_VARIABLE,
    Definitions,
    Query,
    RepositorySuite,
    Suite,
    cache_folder,
    load_definitions,
    load_questions,
)
from evals.vectors import VectorFile
from retrieval.embedding.minilm import MiniLM

_LARGEST_FILE = 400_000
"""Characters; larger ones in whole repositories are data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    suites: tuple[str, ...]
    kinds: tuple[str, ...]
    mirrors: Path | None


def main(argv: Sequence[str]) -> int:
    """Run the evaluation; the exit status is 1 when a floor is not reached."""
    arguments = _parser().parse_args(argv)
    choice = _Choice(suites=tuple(arguments.suites), kinds=tuple(arguments.kinds), mirrors=arguments.repositories)
    definitions = load_definitions()
    embedder = None if arguments.lexical else MiniLM(threads=arguments.threads)
    kept = VectorFile(cache_folder() / "vectors.sqlite")
    results: list[harness.SuiteResult] = []
    try:
        for suite in _suites(definitions, choice):
            result = harness.evaluate(suite, embedder=embedder, kept=kept, semble=arguments.semble, say=_say)
            if arguments.product:
                outcomes = harness.product(suite, shlex.split(arguments.product))
                result = harness.with_system(result, "Assay, the product", outcomes)
            results.append(result)
    finally:
        kept.close()
    floor_names = frozenset(item.name for item in definitions.commits if item.floor_set)
    text = report.render(results, floor_names, _about(argv, embedder is not None))
    if arguments.output:
        arguments.output.write_text(text)
    else:
        print(text)
    failed = report.failures(results, floor_names)
    for failure in failed:
        print(failure, file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay eval retrieval", description=__doc__)
    parser.add_argument("suites", nargs="*", help="names of suites, as in evals/suites.toml; all when none is given")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=("docstring", "commits", "questions"),
        default=("docstring", "commits", "questions"),
        help="only these kinds of suites",
    )
    parser.add_argument(
        "--repositories",
        type=Path,
        metavar="DIR",
        help=f"a folder of git mirrors, DIR/OWNER/NAME; also {REPOSITORIES_VARIABLE}. Cloned into the cache otherwise; "
        f"the cache is {CACHE_VARIABLE} or the user's cache folder",
    )
    parser.add_argument("--lexical", action="store_true", help="without embeddings, which take most of the time")
    parser.add_argument("--threads", type=int, default=2, help="of the embedder")
    parser.add_argument("--semble", type=Path, metavar="PYTHON", help="an interpreter with semble 0.7.0, to compare")
    parser.add_argument("--product", metavar="COMMAND", help="run this `assay` command too, over files on disk")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there")
    return parser


def _suites(definitions: Definitions, choice: _Choice) -> Iterator[Suite]:
    """The chosen suites, each built when it is asked for."""
    questions = load_questions()
    wanted = set(choice.suites)
    if "docstring" in choice.kinds:
        for package in definitions.docstrings:
            if not wanted or package.name in wanted:
                yield docstrings.build(package, cache_folder())
    for definition in definitions.commits:
        if wanted and definition.name not in wanted:
            continue
        folder = repositories.locate(definition.repository, mirrors=choice.mirrors, cache=cache_folder())
        if "commits" in choice.kinds:
            yield commits.build(definition, folder)
        if "questions" in choice.kinds and definition.name in questions:
            yield _whole_tree(definition, folder, questions[definition.name])


def _whole_tree(definition: RepositorySuite, folder: Path, queries: tuple[Query, ...]) -> Suite:
    """Questions in words over everything that the repository holds at its youngest commit."""
    files = repositories.texts(folder, repositories.tree(folder, definition.head))
    return Suite(
        name=f"{definition.name} tree",
        kind="questions",
        files={path: text for path, text in files.items() if len(text) <= _LARGEST_FILE},
        queries=queries,
    )


def _about(argv: Sequence[str], with_vectors: bool) -> dict[str, str]:
    root = Path(__file__).parent
    revision = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], stdout=subprocess.PIPE, text=True, check=False
    )
    shown = [Path(word).name if Path(word).is_absolute() else word for word in argv]
    return {
        "commit": revision.stdout.strip() or "unknown",
        "command": shlex.join(["assay", "eval", "retrieval", *shown]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "embedder": "MiniLM-L6-v2 INT8, 256 tokens" if with_vectors else "none",
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
