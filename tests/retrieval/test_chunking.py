"""Where files are cut, and what each chunk knows of itself."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from retrieval.chunk import ChunkedFile
from retrieval.chunking import languages
from retrieval.chunking.chunker import MOST, TARGET, chunk_file, chunk_lines
from retrieval.chunking.grammars import PARSE_LIMIT, CannotParse, parse
from retrieval.chunking.languages import Grammar, language_named
from retrieval.chunking.references import code_only

_BLANK = b" \t\r\n\f\v"
_CASES = Path(__file__).parent / "chunking_cases"


def check_cover(content: bytes, file: ChunkedFile) -> None:
    """Chunks follow each other, hold all that is not blank, and say exactly where they are."""
    bom = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    lines = content.splitlines(keepends=True)
    before = bom
    for chunk in file.chunks:
        assert before <= chunk.start_byte < chunk.end_byte <= len(content)
        assert not content[before : chunk.start_byte].strip(_BLANK)
        assert chunk.text == content[chunk.start_byte : chunk.end_byte].decode("utf-8", "replace")
        assert content[chunk.start_byte : chunk.end_byte].strip(_BLANK)
        assert sum(map(len, lines[: chunk.start_line])) <= chunk.start_byte
        assert chunk.start_byte < sum(map(len, lines[: chunk.start_line + 1]))
        assert sum(map(len, lines[: chunk.end_line - 1])) < chunk.end_byte <= sum(map(len, lines[: chunk.end_line]))
        assert "\n" not in chunk.header
        before = chunk.end_byte
    assert not content[before:].strip(_BLANK)


def weight(text: str) -> int:
    return len("".join(text.split()).encode())


def function(name: str, lines: int, indent: str = "") -> str:
    body = "".join(f"{indent}    value_{line} = compute(value_{line - 1}, {line})\n" for line in range(1, lines + 1))
    return f"{indent}def {name}(value_0):\n{body}"


_NAMES = st.sampled_from([f"a{extension}" for it in languages.LANGUAGES for extension in it.extensions[:1]])
_PIECES = st.sampled_from(
    [
        *(b"def f():\n    ", b"class A {\n", b"}\n", b"\r\n", b"\r", b"\f", b"\0", b"\xff", "é→".encode(), b"# head\n"),
        *(b"===\n", b"key: value\n", b'"', b"'''", b"/*", b"*/", b"<div>", b"function f() {", b"  ", b"\n\n", b"@x\n"),
        *(b"a" * 5_000, b"\xef\xbb\xbf", b"(", b")", b"; ", b"{-", b"[[", b"<<A\n", b"\\\n", b"```\n", b"- \n"),
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_NAMES, st.one_of(st.binary(max_size=2_000), st.lists(_PIECES, max_size=30).map(b"".join)))
@example("a.py", b"\xef\xbb\xbf")
@example("a.py", b"\xef\xbb\xbfdef f(): ...\r\n\r\ndef g(): ...")
@example("a.txt", b"\xf0\x9f\x98\x80" * 3_000)
@example("a.txt", b"\xbf" * 9_000)
def test_any_bytes_are_covered(name: str, content: bytes) -> None:
    file = chunk_file(name, content)
    check_cover(content, file)
    assert chunk_file(name, content) == file


@pytest.mark.parametrize("case", sorted(_CASES.iterdir()), ids=lambda case: case.name)
def test_real_code_is_covered_however_its_lines_end(case: Path) -> None:
    content = case.read_bytes()
    for ending in (b"\n", b"\r\n"):
        for start in (b"", b"\xef\xbb\xbf"):
            variant = start + content.replace(b"\n", ending)
            check_cover(variant, chunk_file(case.name, variant))


def test_a_small_file_is_one_chunk() -> None:
    (chunk,) = chunk_file("shop/cart.py", b"def total(items):\n    return sum(items)\n").chunks
    assert (chunk.kind, chunk.symbol, chunk.scope, chunk.names) == ("function", "total", "", ("total",))
    assert (chunk.start_line, chunk.end_line) == (0, 2)
    assert chunk.header == "# shop/cart.py total"


def test_header_is_a_comment_of_the_language() -> None:
    (chunk,) = chunk_file("shop/cart.go", b"package shop\n\nfunc Total() int {\n\treturn 1\n}\n").chunks
    assert chunk.header == "// shop/cart.go Total"


def test_header_is_one_line_whatever_the_path_holds() -> None:
    (chunk,) = chunk_file("odd\nname.py", b"x = f()\n").chunks
    assert chunk.header.splitlines() == [chunk.header]


def test_functions_that_fit_together_are_merged_and_all_named() -> None:
    source = function("first", 3) + "\n\n" + function("second", 6)
    (chunk,) = chunk_file("a.py", source.encode()).chunks
    assert chunk.names == ("first", "second")
    assert chunk.symbol == "second", "the largest one"


def test_a_function_is_never_cut_when_it_fits() -> None:
    functions = [function(f"function_{number}", 3 + number % 25) for number in range(40)]
    file = chunk_file("a.py", "\n\n".join(functions).encode())
    for text in functions:
        assert weight(text) <= MOST
        assert any(text.strip() in chunk.text for chunk in file.chunks)
    assert all(weight(chunk.text) <= MOST for chunk in file.chunks)
    assert sum(weight(chunk.text) for chunk in file.chunks) / len(file.chunks) > TARGET / 2


def test_a_large_class_is_cut_by_method_and_each_part_knows_its_scope() -> None:
    methods = "\n".join(function(f"method_{number}", 54, "    ") for number in range(4))
    source = f'class Cart:\n    """What a customer wants."""\n\n{methods}'
    first, *rest = chunk_file("a.py", source.encode()).chunks
    assert (first.symbol, first.kind) == ("Cart", "class")
    assert "What a customer wants" in first.text
    assert [chunk.symbol for chunk in rest] == [f"Cart.method_{number}" for number in range(4)]
    assert {(chunk.scope, chunk.kind) for chunk in rest} == {("Cart", "method")}


def test_parts_of_a_function_too_large_for_a_chunk_keep_its_name() -> None:
    chunks = chunk_file("a.py", function("enormous", 200).encode()).chunks
    assert len(chunks) > 3
    assert {chunk.symbol for chunk in chunks} == {"enormous"}
    assert [chunk.names for chunk in chunks] == [("enormous",), *[()] * (len(chunks) - 1)]
    assert all(weight(chunk.text) <= MOST for chunk in chunks)


@pytest.mark.parametrize(
    ("name", "before", "above", "definition"),
    [
        ("a.py", "def g():\n", "# Why it is here.\n@cache\n@route(\n    '/x',\n)\n", "def f():\n"),
        ("a.js", "function g() {\n", "/**\n * Why.\n */\n", "export function f() {\n"),
        ("a.ts", "class G {\n", "// Why.\n@sealed\n", "export class F {\n"),
        ("a.rs", "struct G {\n", "/// Why.\n#[derive(Debug)]\n", "pub struct F {\n"),
        ("a.go", "func G() {\n", "// F is why.\n", "func F() {\n"),
        ("A.java", "class G {\n", "/** Why. */\n@Entity\n", "class F {\n"),
        ("a.cpp", "int g() {\n", "// Why.\ntemplate <typename T>\n", "int f() {\n"),
        ("a.ex", "def g() do\n", '@doc "Why."\n', "def f() do\n"),
        ("a.toml", "[g]\n", "# Why.\n", "[f]\n"),
        ("a.yaml", "g:\n", "# Why.\n", "f:\n"),
    ],
)
def test_what_stands_right_above_a_definition_stays_with_it(
    name: str, before: str, above: str, definition: str
) -> None:
    """Both definitions are so large that they are not merged."""
    comment = {".py": "#", ".ex": "#", ".toml": "#", ".yaml": "#"}.get(Path(name).suffix, "//")
    end = "end\n" if name == "a.ex" else "}\n" if definition.endswith("{\n") else ""
    last = {".py": "    pass\n", ".toml": "a = 1\n", ".yaml": "  a: 1\n"}.get(Path(name).suffix, "")
    body = f"    {comment} {'word ' * 15}\n" * 18 + last + end
    chunks = chunk_file(name, f"{before}{body}{above}{definition}{body}".encode()).chunks
    assert [chunk.text.splitlines()[0] for chunk in chunks] == [before.strip(), above.splitlines()[0]]


def test_prose_is_cut_at_headings_and_knows_where_it_stands() -> None:
    long = "A sentence of some words about it. " * 50
    source = f"# Cart\n\n{long}\n\n## Paying\n\n{long}\n\n### By card\n\n{long}\n"
    chunks = chunk_file("doc.md", source.encode()).chunks
    assert [(chunk.kind, chunk.symbol, chunk.scope) for chunk in chunks] == [
        ("section", "Cart", ""),
        ("section", "Cart > Paying", "Cart"),
        ("section", "Cart > Paying > By card", "Cart > Paying"),
    ]


def test_references_are_uses_without_comments_strings_and_keywords() -> None:
    source = (
        b'# ignored_in_comment\ndef total(items):\n    """ignored_in_docstring"""\n'
        b'    return add(items, "ignored")\n\ntotal(add)\n'
    )
    assert chunk_file("a.py", source).references == (("add", 2), ("items", 2), ("total", 1))


def test_signature_is_what_comes_before_the_body() -> None:
    (definition,) = chunk_file("a.py", b"@x\nasync def load(\n    key: str,\n) -> Cart:\n    return 1\n").definitions
    assert definition.signature == "async def load( key: str, ) -> Cart"


def test_a_syntax_error_costs_only_its_surroundings() -> None:
    source = b"def first():\n    return 1\n\ndef broken(:\n\ndef last():\n    return 3\n"
    file = chunk_file("a.py", source)
    assert file.problem == ""
    assert {"first", "last"} <= {definition.name for definition in file.definitions}


def test_a_file_in_another_language_than_its_name_says_is_reported() -> None:
    file = chunk_file("a.py", b"<<<<>>>> )( ]] }} ;; ?? !! %% " * 100)
    assert "does not read as python" in file.problem
    assert "cut by lines" in file.problem
    assert file.chunks


def test_a_missing_grammar_is_reported_with_what_to_install_and_the_file_cut_by_lines() -> None:
    grammar = Grammar(package="tree-sitter-nowhere", module="tree_sitter_nowhere")
    language = replace(language_named("zig"), grammar=grammar)
    with pytest.raises(CannotParse, match=r"tree-sitter-nowhere is not installed.*assay\[languages\]"):
        parse(language, b"x")


def test_a_file_without_its_grammar_has_all_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = Grammar(package="tree-sitter-nowhere", module="tree_sitter_nowhere")
    table = {"zig": replace(language_named("zig"), grammar=grammar)}
    monkeypatch.setattr(languages, "_BY_NAME", languages._BY_NAME | table)
    content = b"pub fn total() u32 {\n    return 1;\n}\n" * 100
    file = chunk_file("cart.zig", content)
    assert "install tree-sitter-nowhere" in file.problem
    assert file.definitions == ()
    assert len(file.chunks) > 1
    check_cover(content, file)


def test_a_killed_parser_leaves_a_file_cut_by_lines() -> None:
    content = (_CASES / "cart.py").read_bytes()
    file = chunk_lines("cart.py", content, "its parser had to be stopped")
    assert (file.language, file.definitions, file.problem) == (
        "python",
        (),
        "its parser had to be stopped; cut by lines",
    )
    check_cover(content, file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("minified.js", b"function a(b){return b+1};" * 20_000),
        ("open.js", b"(" * 200_000),
        ("arrows.c", b"a=>" * 30_000),
        ("arrows-in-lines.c", b"a=>\n" * 30_000),
        ("generic.java", b"a<b<" * 50_000),
        ("dashes.yaml", b"- " * 50_000),
        ("nested.yaml", b"".join(b" " * depth + b"a:\n" for depth in range(1_000))),
        ("nested.py", b"".join(b" " * depth + b"def a():\n" for depth in range(600))),
        ("nested.json", b"[" * 100_000 + b"]" * 100_000),
        ("large.py", b"x = 1\n" * (PARSE_LIMIT // 6 + 1)),
        ("nul.py", b"\0" * 100_000),
        ("quotes.md", b"> " * 50_000),
        ("titles.rst", b"a\n=\n" * 20_000),
        ("links.md", b"".join(b"# [" + b"[" * 4_000 + b" %d\n" % number for number in range(100))),
        ("comments.js", b"".join(b"// %d\n" % number for number in range(50_000)) + b"function a(){}" * 300),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_content_neither_hangs_nor_kills(name: str, content: bytes) -> None:
    """pytest's own time limit and process are what fails here."""
    file = chunk_file(name, content)
    check_ends(content, file)


@pytest.mark.parametrize("language", languages.LANGUAGES, ids=lambda language: language.name)
def test_what_is_opened_and_never_closed_is_searched_once(language: languages.Language) -> None:
    """Searching to the end again from each opening would take hours."""
    for opening in ("/* 1\n", '"\\"', "'\\'", '"""', "'''\\", "[[\n", "`\n", "<!--\n", "{- \n", "--[[\n"):
        content = opening.encode() * 50_000
        assert len(code_only(content, language.lexis)) <= len(content)


def check_ends(content: bytes, file: ChunkedFile) -> None:
    before = 0
    for chunk in file.chunks:
        assert not content[before : chunk.start_byte].strip(_BLANK)
        before = chunk.end_byte
    assert not content[before:].strip(_BLANK)


def test_deep_definitions_cost_no_more_than_their_size() -> None:
    content = b"".join(b" " * depth + b"class A%d:\n" % depth for depth in range(400))
    file = chunk_file("deep.py", content)
    assert len(file.definitions) < 20
    assert max(len(definition.qualified) for definition in file.definitions) < 100
