"""Files that answer few questions: tests, generated and vendored code, examples, stubs, data.

What a path says depends on its language: `test_case.py` is a test, `test_case.sh` is more often the program that runs
them, and `src/_pytest` is no test at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

TEST = "test file"
EXAMPLE = "example"
GENERATED = "generated"
VENDORED = "third-party code"
COMPATIBILITY = "compatibility code"
STUB = "type stub"
PACKAGE = "package description"
PROSE = "prose"
CHRONICLE = "changelog or licence"
DATA = "data or configuration"

FACTORS: Mapping[str, float] = {
    TEST: 0.3,
    EXAMPLE: 0.3,
    GENERATED: 0.3,
    VENDORED: 0.3,
    COMPATIBILITY: 0.5,
    STUB: 0.7,
    PACKAGE: 0.5,
    PROSE: 0.25,
    CHRONICLE: 0.15,
    DATA: 0.25,
}
"""What a score is multiplied with."""

ASKED_FOR: Mapping[str, frozenset[str]] = {
    "tests": frozenset({TEST}),
    "examples": frozenset({EXAMPLE}),
    "prose": frozenset({PROSE, CHRONICLE}),
    "stubs": frozenset({STUB}),
}
"""Which penalties a question lifts by what it asks about: see `retrieval.rank.question`."""

_TEST_FILES: Mapping[str, re.Pattern[str]] = {
    language: re.compile(pattern)
    for languages, pattern in (
        ("python", r"test_.*|.*_tests?|tests?|conftest"),
        ("go", r".*_test"),
        ("rust", r"tests?|.*_tests?"),
        ("java", r"Test[A-Z].*|.*(?:Tests?|TestCase|IT)"),
        ("kotlin", r".*(?:Tests?|TestCase|Spec|IT)"),
        ("scala groovy", r".*(?:Tests?|Spec|Suite)"),
        ("csharp", r".*(?:Tests?|Specs?|Fixture)"),
        ("swift", r".*(?:Tests?|Spec)"),
        ("php", r".*(?:Test|TestCase|Cest)"),
        ("ruby", r".*_(?:spec|test)|test_.*|(?:spec|test|rails)_helper"),
        ("javascript typescript tsx jsx vue svelte", r".*[.-](?:test|spec|cy|e2e|test-d|spec-d)|test|jest\..*"),
        ("c cpp objc", r"test_.*|.*[_-](?:unit)?tests?|.*[a-z]Tests?|tests?"),
        ("elixir", r".*_test|test_helper"),
        ("haskell", r".*(?:Spec|Test)"),
        ("lua", r".*_(?:spec|test)|test_.*"),
        ("dart", r".*_test"),
        ("zig", r".*_tests?|tests?"),
        ("bash", r".*\.bats"),
    )
    for language in languages.split()
}
"""By language: what the file's name without its extension looks like, in full."""

_TEST_FOLDER = re.compile(
    r"tests|.*[._-][Tt]ests?|tests?[._-].*|.*[a-z](?:Tests?|TestUtils)|Tests?|__tests__|__mocks__|__snapshots__"
    r"|test_?data|test[Ff]ixtures|fixtures|e2e|cypress|androidTest"
)
_SPEC_FOLDER = re.compile(r"specs?|features")
_SPEC_LANGUAGES = frozenset({"ruby", "javascript", "typescript", "tsx", "lua"})
"""Elsewhere `spec` is a name of the domain: `javax.crypto.spec`."""

_EXAMPLE_FOLDER = re.compile(
    r"_?examples?|samples?|demos?|docs?_src|tutorials?|cookbook|playgrounds?|benchmarks?|benches|bench|fuzz(?:ing|ers?)?"
    r"|.*[._-](?:examples?|samples?|demos?|benchmarks?|playground)|(?:examples?|samples?)[._-].*"
)
_GENERATED_FOLDER = re.compile(r"(?:_|__)?generated(?:__)?|dist|__pycache__|gen")
_GENERATED_FILE = re.compile(
    r".*(?:\.pb\.\w+|_pb2(?:_grpc)?\.pyi?|\.pb\.gw\.go|\.g\.\w+|[._-]generated\.\w+|\.designer\.\w+|\.min\.\w+|\.bundle\.js"
    r"|\.snap|\.map)|zz_generated.*|(?:package-lock|npm-shrinkwrap)\.json|.*\.lock|pnpm-lock\.yaml|go\.sum",
    re.IGNORECASE,
)
_VENDORED_FOLDER = re.compile(
    r"_?vendor(?:ed|s)?|third[_-]?party|node_modules|bower_components|extern(?:al)?s?|Pods|Carthage", re.IGNORECASE
)
_COMPATIBILITY_FOLDER = re.compile(r"_?compat(?:ibility)?|legacy|deprecated")
_STUB_FILE = re.compile(r".*(?:\.d\.[cm]?ts|\.pyi)")
_PACKAGE_FILES = frozenset({"package-info.java", "module-info.java", "doc.go"})
"""Not `__init__.py`: it holds code as often as not, and lowering it cost 0.01 on Python's commit sets."""
_CHRONICLE_FILE = re.compile(
    r"(?:change(?:s|log)|history|news|releases?|release[_-]notes|licen[sc]e|copying|authors|contributors"
    r"|code[_-]of[_-]conduct|security|notice)(?:[._-].*)?",
    re.IGNORECASE,
)
_PROSE_LANGUAGES = frozenset({"markdown", "rst"})
_PROSE_FILE = re.compile(r".*\.(?:txt|adoc|asciidoc|textile|rdoc|pod|org|tex|wiki|[1-9])|readme", re.IGNORECASE)
"""Text of no known language is code as often as not: only these are prose."""
_DATA_LANGUAGES = frozenset({"json", "yaml", "toml", "css", "scss", "xml", "html"})
_DATA_FILE = re.compile(
    r".*\.(?:csv|tsv|ini|cfg|conf|properties|svg|po|pot|env|jsonl|plist|golden|expected)|\..*", re.IGNORECASE
)


@lru_cache(maxsize=65_536)
def path_kinds(path: str, language: str) -> tuple[str, ...]:
    """What kinds of seldom wanted file this is, by its path and language; empty for ordinary source code.

    :param path: relative to the workspace, with forward slashes.
    :param language: as in `Chunk.language`.
    """
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0] or name
    kinds: list[str] = []
    if _is_test(folders, name, stem, language):
        kinds.append(TEST)
    if any(map(_EXAMPLE_FOLDER.fullmatch, folders)):
        kinds.append(EXAMPLE)
    if any(map(_GENERATED_FOLDER.fullmatch, folders)) or _GENERATED_FILE.fullmatch(name):
        kinds.append(GENERATED)
    if any(map(_VENDORED_FOLDER.fullmatch, folders)):
        kinds.append(VENDORED)
    if any(map(_COMPATIBILITY_FOLDER.fullmatch, folders)):
        kinds.append(COMPATIBILITY)
    if _STUB_FILE.fullmatch(name):
        kinds.append(STUB)
    if name in _PACKAGE_FILES:
        kinds.append(PACKAGE)
    kinds += _not_code(name, language)
    return tuple(kinds)


def _not_code(name: str, language: str) -> list[str]:
    if language in _PROSE_LANGUAGES or language == "text":
        if _CHRONICLE_FILE.fullmatch(name):
            return [CHRONICLE]
        if language in _PROSE_LANGUAGES or _PROSE_FILE.fullmatch(name):
            return [PROSE]
    return [DATA] if language in _DATA_LANGUAGES or (language == "text" and _DATA_FILE.fullmatch(name)) else []


def _is_test(folders: list[str], name: str, stem: str, language: str) -> bool:
    pattern = _TEST_FILES.get(language)
    if pattern is not None and pattern.fullmatch(stem):
        return True
    if name.endswith((".bats", ".t")) or folders[:1] == ["t"]:
        return True
    if any(map(_TEST_FOLDER.fullmatch, folders)) or folders[:1] in (["test"], ["testing"]):
        return True
    if "test" in folders and language != "python":  # `django/test` is what tests are written with
        return True
    return language in _SPEC_LANGUAGES and any(map(_SPEC_FOLDER.fullmatch, folders))


def factor(kinds: tuple[str, ...], spared: frozenset[str], factors: Mapping[str, float] = FACTORS) -> float:
    """The strongest penalty of these kinds; one is enough, two reasons do not make a file worse.

    :param spared: kinds that the question asks for.
    """
    return min((factors[kind] for kind in kinds if kind not in spared), default=1.0)
