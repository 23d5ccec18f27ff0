"""What language a file is in."""

import tomllib
from pathlib import Path

import pytest

from retrieval.chunking.chunker import chunk_file
from retrieval.chunking.languages import LANGUAGES, language_of

_CASES = Path(__file__).parent / "chunking_cases"


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("src/app.py", b"", "python"),
        ("stubs/app.pyi", b"", "python"),
        ("App.PY", b"", "python"),
        ("lib/index.mjs", b"", "javascript"),
        ("lib/View.jsx", b"", "javascript"),
        ("lib/index.mts", b"", "typescript"),
        ("lib/index.d.ts", b"", "typescript"),
        ("lib/View.tsx", b"", "tsx"),
        ("build.gradle.kts", b"", "kotlin"),
        ("list.h", b"#include <stdlib.h>\nstruct list;\n", "c"),
        ("list.h", b"#pragma once\nnamespace shop {\n", "cpp"),
        ("list.h", b"template <typename T>\nclass List;\n", "cpp"),
        ("Makefile", b"", "makefile"),
        ("deploy/Dockerfile", b"", "dockerfile"),
        ("Dockerfile.test", b"", "dockerfile"),
        ("Rakefile", b"", "ruby"),
        ("uv.lock", b"", "toml"),
        ("notes.ipynb", b"", "json"),
        ("App.vue", b"", "vue"),
        ("README.md", b"", "markdown"),
        ("README.rst", b"", "rst"),
        ("README", b"", "text"),
        ("bin/run", b"#!/bin/sh\n", "bash"),
        ("bin/run", b"#!/usr/bin/env -S python3.11 -u\n", "python"),
        ("bin/run", b"#!/usr/bin/env node\n", "javascript"),
        ("bin/run", b"#!/opt/odd\n", "text"),
        ("bin/run", b"\x7fELF", "text"),
        ("odd.py.unknown", b"", "text"),
        (".py", b"", "python"),
    ],
)
def test_told_by_name_then_extension_then_first_line(path: str, head: bytes, expected: str) -> None:
    assert language_of(path, head) == expected


def test_no_two_languages_claim_the_same_files() -> None:
    for claims in ("extensions", "names", "shebangs"):
        every = [claim for language in LANGUAGES for claim in getattr(language, claims)]
        assert len(every) == len(set(every))
        assert every == [claim.lower() for claim in every]


def test_every_language_with_a_grammar_has_a_case() -> None:
    seen = {language_of(case.name, case.read_bytes()) for case in _CASES.iterdir()}
    assert {language.name for language in LANGUAGES if language.grammar is not None} <= seen


def _expected() -> dict[str, tuple[str, list[str]]]:
    expected: dict[str, tuple[str, list[str]]] = {}
    for block in (_CASES / "symbols.txt").read_text().split("== ")[1:]:
        head, *symbols = block.splitlines()
        name, language = head.split()
        expected[name] = language, symbols
    return expected


@pytest.mark.parametrize(
    "name", sorted(case.name for case in _CASES.iterdir() if case.name not in ("symbols.txt", "map.golden"))
)
def test_symbols_of_each_language(name: str) -> None:
    """symbols.txt: lines counted from 1, kind, qualified name."""
    language, symbols = _expected()[name]
    file = chunk_file(name, (_CASES / name).read_bytes())
    assert (file.language, file.problem) == (language, "")
    assert [f"{it.line + 1}-{it.end_line} {it.kind} {it.qualified}" for it in file.definitions] == symbols


def test_the_documentation_says_where_each_grammar_comes_from() -> None:
    text = (Path(__file__).parents[2] / "docs" / "languages.md").read_text()
    rows = [row for row in text.splitlines() if row.startswith("| ")]
    for language in LANGUAGES:
        if language.grammar is not None:
            (row,) = [row for row in rows if f"`{language.extensions[0]}`" in row]
            assert ("the default install" in row) == language.in_default_install


def test_grammars_are_in_the_part_of_the_project_that_the_table_names() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    parts = {True: project["dependencies"], False: project["optional-dependencies"]["languages"]}
    for language in LANGUAGES:
        if language.grammar is not None:
            wanted = parts[language.in_default_install]
            assert any(line.startswith(f"{language.grammar.package}>=") for line in wanted), language.name
