"""Docstring suites: the first sentence of a docstring, against the definition that had it.

All docstrings are taken out of what is indexed, so that only the code itself can answer.
"""

from __future__ import annotations

import ast
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evals.suites import PackageSuite, Query, Suite, Target

SEED = 20261120
FEWEST_WORDS = 4
MOST_DEFINITIONS = 3
"""A sentence that more definitions share asks for none of them."""

_TEST_PATH = re.compile(r"(?:^|/)(?:tests)/")

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """A class or function that had a docstring."""

    sentence: str
    line: int
    """1-based, of its `def` or `class` in the stripped text."""


def build(definition: PackageSuite, cache: Path) -> Suite:
    """The suite of a source distribution, which is downloaded once.

    :raises subprocess.CalledProcessError: when it cannot be downloaded.
    """
    sources = _sources(_download(definition, cache), definition.folder)
    return build_from(definition.name, sources, definition.queries)


def build_from(name: str, sources: Mapping[str, str], most: int) -> Suite:
    """The suite of these Python files: text by path."""
    files: dict[str, str] = {}
    places: defaultdict[str, list[Target]] = defaultdict(list)
    for path in sorted(sources):
        stripped = strip(sources[path])
        if stripped is None:
            continue
        text, documented = stripped
        if not text.strip():
            continue
        files[path] = text
        for item in documented:
            places[item.sentence].append(Target(path=path, line=item.line))
    fitting = sorted(
        sentence
        for sentence, targets in places.items()
        if len(sentence.split()) >= FEWEST_WORDS and len(targets) <= MOST_DEFINITIONS
    )
    chosen = random.Random(SEED).sample(fitting, min(most, len(fitting)))
    queries = tuple(
        Query(id=f"{name}/{number}", text=sentence, targets=tuple(places[sentence]))
        for number, sentence in enumerate(chosen)
    )
    return Suite(name=name, kind="docstring", files=files, queries=queries)


def strip(source: str) -> tuple[str, list[Documented]] | None:
    """A Python file without any docstring, and the documented classes and functions; None when it does not parse.

    What is left is the same program but for `__doc__`; a body that was only a docstring becomes `...`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            module = ast.parse(source)
        except (SyntaxError, ValueError):
            return None
        lines = _lines(source)
        sentences: list[str | None] = []
        for node in _definitions(module):
            docstring = _docstring(node)
            sentences.append(first_sentence(docstring.text) if docstring else None)
        for node in sorted(_documentable(module), key=lambda node: getattr(node, "lineno", 0), reverse=True):
            docstring = _docstring(node)
            if docstring is not None:
                _remove(lines, docstring, only=len(node.body) == 1)
        text = b"".join(lines).decode()
        kept = _definitions(ast.parse(text))
    documented = [
        Documented(sentence=sentence, line=node.lineno)
        for sentence, node in zip(sentences, kept, strict=True)
        if sentence
    ]
    return text, documented


def first_sentence(docstring: str) -> str:
    """Up to the first full stop that ends a sentence, or the first blank line, on one line."""
    paragraph = re.split(r"\n\s*\n", docstring.strip(), maxsplit=1)[0]
    text = " ".join(paragraph.split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`\"'(*])", text, maxsplit=1)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Docstring:
    text: str
    line: int
    """1-based."""
    column: int
    """Bytes."""
    end_line: int
    end_column: int


def _docstring(node: _Documented) -> _Docstring | None:
    first = node.body[0] if node.body else None
    if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
        return None
    text, end_line, end_column = first.value.value, first.end_lineno, first.end_col_offset
    if not isinstance(text, str) or end_line is None or end_column is None:
        return None
    return _Docstring(text=text, line=first.lineno, column=first.col_offset, end_line=end_line, end_column=end_column)


def _documentable(module: ast.Module) -> list[_Documented]:
    return [node for node in ast.walk(module) if isinstance(node, _Documented)]


def _definitions(module: ast.Module) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Classes and functions in an order that taking docstrings out does not change."""
    return [
        node for node in ast.walk(module) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _lines(source: str) -> list[bytes]:
    """Lines with their ends, as the parser counts them: form feeds and the like end none."""
    return re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", source.encode())


def _remove(lines: list[bytes], docstring: _Docstring, *, only: bool) -> None:
    """Take one statement out of the lines, and the lines that become blank by it."""
    first, last = docstring.line - 1, docstring.end_line - 1
    before, after = lines[first][: docstring.column], lines[last][docstring.end_column :]
    if only:
        lines[first : last + 1] = [before + b"..." + after]
        return
    rest = after.lstrip(b" \t")
    if rest.startswith(b";"):
        lines[first : last + 1] = [before + rest[1:].lstrip(b" \t")]
    elif before.strip() or rest.startswith(b"#"):
        lines[first : last + 1] = [before + rest]
    else:
        del lines[first : last + 1]


def _download(definition: PackageSuite, cache: Path) -> Path:
    """The source distribution's archive."""
    folder = cache / "packages" / f"{definition.package}-{definition.version}"
    if not (archives := sorted(folder.glob("*.tar.gz"))):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            requirement = f"{definition.package}=={definition.version}"
            command = [
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                ":all:",
                "--dest",
                scratch,
                requirement,
            ]
            subprocess.run([sys.executable, "-m", *command], check=True)
            folder.mkdir(exist_ok=True)
            for archive in Path(scratch).glob("*.tar.gz"):
                archive.rename(folder / archive.name)
        archives = sorted(folder.glob("*.tar.gz"))
    return archives[0]


def _sources(archive: Path, folder: str) -> dict[str, str]:
    """The Python files of a folder of a source distribution, without its tests: text by path."""
    sources: dict[str, str] = {}
    with tarfile.open(archive) as packed:
        for member in packed:
            path = member.name.partition("/")[2]
            if not (member.isfile() and path.startswith(folder) and path.endswith(".py")) or _TEST_PATH.search(path):
                continue
            if (stream := packed.extractfile(member)) is not None:
                sources[path] = stream.read().decode("utf-8", "replace")
    return sources
