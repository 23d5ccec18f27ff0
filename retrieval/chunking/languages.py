"""The languages: how a file is recognised, what parses it, and which of its nodes define something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

TEXT = "text"
"""What is not recognised: cut by lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A node type that defines something."""

    kind: str
    """function, class, ... A function in a class is called a method. Kinds in `SCOPES` only enclose."""
    name: tuple[str, ...] = ("name",)
    """Fields that may hold the name; `>TYPE` is the first child of a type. The first that is there counts."""
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    """A child of this type makes it another kind: the keyword `interface`, a `struct_type`."""
    value: frozenset[str] = frozenset()
    """It counts only with a child of one of these types: `const f = () => 1`."""
    outermost: bool = False
    """It counts only outside of functions and classes: a module's constants."""


SCOPES = frozenset({"impl", "namespace"})
"""Kinds that lend their name to what is in them and define nothing themselves."""
FUNCTIONS = frozenset({"function", "method", "constructor", "macro", "test"})
CLASSES = frozenset(
    {"class", "struct", "interface", "trait", "enum", "impl", "object", "protocol", "extension", "record", "union"}
    | {"actor", "instance"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    package: str
    """The distribution that has it."""
    module: str
    function: str = "language"
    """Returns the pointer to the grammar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexis:
    """How comments and strings look, as far as is needed to keep them apart from names."""

    line_comments: tuple[str, ...] = ()
    block_comments: tuple[tuple[str, str], ...] = ()
    strings: tuple[str, ...] = ()
    """Regular expressions for string literals; longer delimiters first."""
    words: frozenset[str] = frozenset()
    """Words of the language that its grammar takes for names."""
    leading: tuple[str, ...] = ()
    """How lines begin, beside comments, that belong to the definition below them: `@`, `#[`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    name: str
    extensions: tuple[str, ...] = ()
    """With the dot, lower case."""
    names: tuple[str, ...] = ()
    """Whole file names, lower case."""
    shebangs: tuple[str, ...] = ()
    """Interpreters, without a version."""
    grammar: Grammar | None = None
    in_default_install: bool = True
    """Otherwise its grammar is in the extra `languages`."""
    definitions: Mapping[str, Rule] = field(default_factory=dict[str, Rule])
    """By node type."""
    inside: frozenset[str] = frozenset()
    """Node types that are looked into for definitions however small they are."""
    attributes: frozenset[str] = frozenset()
    """Node types that belong to the definition that follows them: Elixir's `@doc`."""
    defining_words: tuple[bytes, ...] = ()
    """One of them begins every definition within a function; empty where there is no such word."""
    lexis: Lexis = Lexis()
    is_code: bool = True
    """Whether names that it uses are references, for the repository map."""
    is_prose: bool = False
    """Cut at headings: see `prose`."""

    @property
    def comment(self) -> str:
        """What a header line begins with."""
        return "#" if not self.lexis.line_comments or self.is_prose else self.lexis.line_comments[0]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What is not closed ends with the line or the file: a search for an end that is not there must not be made twice.
_QUOTED = r'"[^"\\\n]*(?:\\[\s\S][^"\\\n]*)*(?:"|$|\Z)'
_APOSTROPHED = r"'[^'\\\n]*(?:\\[\s\S][^'\\\n]*)*(?:'|$|\Z)"
_CHARACTER = r"'(?:\\[^'\n]{1,10}|[^'\\\n])'"  # not a Rust lifetime, nor a prime in a Haskell name
_TRIPLE_QUOTED = r'"""[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*(?:"""|\Z)'
_TRIPLE_APOSTROPHED = r"'''[^'\\]*(?:(?:\\[\s\S]|'(?!''))[^'\\]*)*(?:'''|\Z)"
_BACKQUOTED = r"`[^`]*(?:`|\Z)"
_LONG_BRACKETS = r"\[\[[\s\S]*?(?:\]\]|\Z)"

_C_LIKE = Lexis(line_comments=("//",), block_comments=(("/*", "*/"),), strings=(_QUOTED, _CHARACTER), leading=("@",))
_C = Lexis(line_comments=("//",), block_comments=(("/*", "*/"),), strings=(_QUOTED, _CHARACTER), leading=("template",))
# Templates are left in: what they interpolate are uses, and a lone backquote must not swallow the rest of the file.
_SCRIPT = Lexis(line_comments=("//",), block_comments=(("/*", "*/"),), strings=(_QUOTED, _APOSTROPHED), leading=("@",))
_GO = Lexis(line_comments=("//",), block_comments=(("/*", "*/"),), strings=(_QUOTED, _CHARACTER, _BACKQUOTED))
_RUST = Lexis(line_comments=("//",), block_comments=(("/*", "*/"),), strings=(_QUOTED, _CHARACTER), leading=("#[",))
_C_SHARP = Lexis(line_comments=("//",), block_comments=(("/*", "*/"),), strings=(_QUOTED, _CHARACTER), leading=("[",))
_TEXT_BLOCKS = Lexis(
    line_comments=("//",),
    block_comments=(("/*", "*/"),),
    strings=(_TRIPLE_QUOTED, _QUOTED, _CHARACTER),
    leading=("@",),
)
_PYTHON = Lexis(
    line_comments=("#",),
    strings=(_TRIPLE_QUOTED, _TRIPLE_APOSTROPHED, _QUOTED, _APOSTROPHED),
    leading=("@",),
)
_HASH = Lexis(line_comments=("#",), strings=(_QUOTED, _APOSTROPHED))
_ELIXIR = Lexis(
    line_comments=("#",),
    strings=(_TRIPLE_QUOTED, _QUOTED),
    words=_words(
        "def defp defmodule defmacro defmacrop defstruct defimpl defprotocol defdelegate defguard defguardp alias "
        "import require use quote unquote moduledoc doc spec type impl if unless case cond with for"
    ),
    leading=("@",),
)
_PHP = Lexis(
    line_comments=("//", "#"),
    block_comments=(("/*", "*/"),),
    strings=(_QUOTED, _APOSTROPHED),
    leading=("#[",),
)
_LUA = Lexis(line_comments=("--",), block_comments=(("--[[", "]]"),), strings=(_LONG_BRACKETS, _QUOTED, _APOSTROPHED))
_HASKELL = Lexis(line_comments=("--",), block_comments=(("{-", "-}"),), strings=(_QUOTED, _CHARACTER))
_MARKUP = Lexis(block_comments=(("<!--", "-->"),))
_STYLES = Lexis(block_comments=(("/*", "*/"),))


def _rules(**types: str) -> dict[str, Rule]:
    """Rules by node type from kinds: `function="function_item function_signature_item"`."""
    return {node: Rule(kind=kind) for kind, nodes in types.items() for node in nodes.split()}


_CALLABLE = frozenset({"arrow_function", "function_expression", "generator_function", "class"})
_JAVASCRIPT = _rules(
    function="function_declaration generator_function_declaration",
    method="method_definition",
) | {
    "class_declaration": Rule(kind="class"),
    "variable_declarator": Rule(
        kind="constant", kinds=dict.fromkeys(_CALLABLE - {"class"}, "function") | {"class": "class"}, outermost=True
    ),
    "assignment_expression": Rule(kind="function", name=("left",), kinds={"class": "class"}, value=_CALLABLE),
    "pair": Rule(kind="method", name=("key",), value=_CALLABLE),
    "field_definition": Rule(kind="method", name=("property",), value=_CALLABLE),
}
_TYPESCRIPT = (
    _JAVASCRIPT
    | _rules(
        interface="interface_declaration",
        type="type_alias_declaration",
        enum="enum_declaration",
        namespace="internal_module module",
        function="function_signature",
        method="abstract_method_signature",
    )
    | {
        "abstract_class_declaration": Rule(kind="class"),
        "public_field_definition": Rule(kind="method", value=_CALLABLE),
    }
)
_SCRIPT_INSIDE = _words(
    "export_statement lexical_declaration variable_declaration class_body expression_statement object "
    "assignment_expression statement_block ambient_declaration declaration_list if_statement"
)

_C_DEFINITIONS = {
    "function_definition": Rule(kind="function", name=("declarator",)),
    "declaration": Rule(
        kind="function", name=("declarator",), value=frozenset({"function_declarator"}), outermost=True
    ),
    "struct_specifier": Rule(kind="struct", value=frozenset({"field_declaration_list"})),
    "union_specifier": Rule(kind="union", value=frozenset({"field_declaration_list"})),
    "enum_specifier": Rule(kind="enum", value=frozenset({"enumerator_list"})),
    "type_definition": Rule(kind="type", name=("declarator",)),
    "preproc_def": Rule(kind="constant"),
    "preproc_function_def": Rule(kind="macro"),
}
_C_INSIDE = _words(
    "declaration_list linkage_specification preproc_if preproc_ifdef preproc_else preproc_elif field_declaration_list "
    "type_definition template_declaration field_declaration pointer_declarator declaration"
)

LANGUAGES: tuple[Language, ...] = (
    Language(
        name="python",
        extensions=(".py", ".pyi", ".pyw", ".pyx", ".bzl"),
        names=("sconstruct", "sconscript", "build.bazel", "wscript"),
        shebangs=("python",),
        grammar=Grammar(package="tree-sitter-python", module="tree_sitter_python"),
        definitions=_rules(function="function_definition")
        | {
            "class_definition": Rule(kind="class"),
            "assignment": Rule(kind="constant", name=("left",), outermost=True),
            "type_alias_statement": Rule(kind="type", name=("left",)),
        },
        inside=_words(
            "decorated_definition block if_statement else_clause elif_clause try_statement except_clause "
            "expression_statement with_statement"
        ),
        defining_words=(b"def ", b"class "),
        lexis=_PYTHON,
    ),
    Language(
        name="javascript",
        extensions=(".js", ".jsx", ".mjs", ".cjs"),
        names=("jakefile",),
        shebangs=("node", "nodejs", "bun", "deno"),
        grammar=Grammar(package="tree-sitter-javascript", module="tree_sitter_javascript"),
        definitions=_JAVASCRIPT,
        inside=_SCRIPT_INSIDE,
        lexis=_SCRIPT,
    ),
    Language(
        name="typescript",
        extensions=(".ts", ".mts", ".cts"),
        shebangs=("ts-node", "tsx"),
        grammar=Grammar(
            package="tree-sitter-typescript", module="tree_sitter_typescript", function="language_typescript"
        ),
        definitions=_TYPESCRIPT,
        inside=_SCRIPT_INSIDE,
        lexis=_SCRIPT,
    ),
    Language(
        name="tsx",
        extensions=(".tsx",),
        grammar=Grammar(package="tree-sitter-typescript", module="tree_sitter_typescript", function="language_tsx"),
        definitions=_TYPESCRIPT,
        inside=_SCRIPT_INSIDE,
        lexis=_SCRIPT,
    ),
    Language(
        name="go",
        extensions=(".go",),
        grammar=Grammar(package="tree-sitter-go", module="tree_sitter_go"),
        definitions=_rules(function="function_declaration", method="method_declaration", type="type_alias")
        | {
            "type_spec": Rule(kind="type", kinds={"struct_type": "struct", "interface_type": "interface"}),
            "method_elem": Rule(kind="method"),
            "const_spec": Rule(kind="constant", outermost=True),
            "var_spec": Rule(kind="constant", outermost=True),
        },
        inside=_words("type_declaration const_declaration var_declaration var_spec_list interface_type struct_type"),
        lexis=_GO,
    ),
    Language(
        name="rust",
        extensions=(".rs",),
        grammar=Grammar(package="tree-sitter-rust", module="tree_sitter_rust"),
        definitions=_rules(
            function="function_item function_signature_item",
            struct="struct_item",
            union="union_item",
            enum="enum_item",
            trait="trait_item",
            type="type_item",
            constant="const_item static_item",
            macro="macro_definition",
            module="mod_item",
        )
        | {"impl_item": Rule(kind="impl", name=("type",))},
        inside=_words("declaration_list foreign_mod_item"),
        lexis=_RUST,
    ),
    Language(
        name="java",
        extensions=(".java",),
        grammar=Grammar(package="tree-sitter-java", module="tree_sitter_java"),
        definitions=_rules(
            interface="interface_declaration annotation_type_declaration",
            enum="enum_declaration",
            record="record_declaration",
            method="method_declaration",
            constructor="constructor_declaration compact_constructor_declaration",
        )
        | {"class_declaration": Rule(kind="class")},
        inside=_words("class_body interface_body enum_body enum_body_declarations annotation_type_body"),
        lexis=_TEXT_BLOCKS,
    ),
    Language(
        name="c",
        extensions=(".c", ".h"),
        grammar=Grammar(package="tree-sitter-c", module="tree_sitter_c"),
        definitions=_C_DEFINITIONS,
        inside=_C_INSIDE,
        lexis=_C,
    ),
    Language(
        name="cpp",
        extensions=(
            ".cc",
            ".cpp",
            ".cxx",
            ".c++",
            ".hh",
            ".hpp",
            ".hxx",
            ".h++",
            ".ipp",
            ".tpp",
            ".inl",
            ".cu",
            ".cuh",
            ".ino",
        ),
        grammar=Grammar(package="tree-sitter-cpp", module="tree_sitter_cpp"),
        definitions=_C_DEFINITIONS
        | _rules(namespace="namespace_definition", type="alias_declaration concept_definition")
        | {
            "class_specifier": Rule(kind="class", value=frozenset({"field_declaration_list"})),
            "field_declaration": Rule(kind="method", name=("declarator",), value=frozenset({"function_declarator"})),
        },
        inside=_C_INSIDE,
        lexis=_C,
    ),
    Language(
        name="csharp",
        extensions=(".cs", ".csx"),
        grammar=Grammar(package="tree-sitter-c-sharp", module="tree_sitter_c_sharp"),
        in_default_install=False,
        definitions=_rules(
            namespace="namespace_declaration",
            struct="struct_declaration",
            interface="interface_declaration",
            enum="enum_declaration",
            record="record_declaration",
            type="delegate_declaration",
            method="method_declaration",
            constructor="constructor_declaration",
            property="property_declaration",
            function="local_function_statement",
        )
        | {"class_declaration": Rule(kind="class")},
        inside=_words("declaration_list file_scoped_namespace_declaration global_statement"),
        lexis=_C_SHARP,
    ),
    Language(
        name="ruby",
        extensions=(".rb", ".rake", ".gemspec", ".ru", ".podspec"),
        names=("rakefile", "gemfile", "guardfile", "vagrantfile", "podfile", "fastfile", "brewfile"),
        shebangs=("ruby",),
        grammar=Grammar(package="tree-sitter-ruby", module="tree_sitter_ruby"),
        in_default_install=False,
        definitions=_rules(method="method singleton_method", module="module")
        | {
            "class": Rule(kind="class"),
            "assignment": Rule(kind="constant", name=("left",), outermost=True),
        },
        inside=_words("body_statement singleton_class"),
        lexis=_HASH,
    ),
    Language(
        name="php",
        extensions=(".php", ".phtml", ".php5", ".php7", ".phps"),
        shebangs=("php",),
        grammar=Grammar(package="tree-sitter-php", module="tree_sitter_php", function="language_php"),
        in_default_install=False,
        definitions=_rules(
            function="function_definition",
            method="method_declaration",
            interface="interface_declaration",
            trait="trait_declaration",
            enum="enum_declaration",
        )
        | {
            "class_declaration": Rule(kind="class"),
            "namespace_definition": Rule(kind="namespace"),
            "const_element": Rule(kind="constant", name=(">name",)),
        },
        inside=_words("declaration_list compound_statement const_declaration enum_declaration_list if_statement"),
        lexis=_PHP,
    ),
    Language(
        name="bash",
        extensions=(".sh", ".bash", ".zsh", ".ksh", ".bats", ".ebuild"),
        names=(".bashrc", ".bash_profile", ".profile", ".zshrc", "pkgbuild"),
        shebangs=("bash", "sh", "zsh", "dash", "ksh"),
        grammar=Grammar(package="tree-sitter-bash", module="tree_sitter_bash"),
        in_default_install=False,
        definitions=_rules(function="function_definition")
        | {"variable_assignment": Rule(kind="constant", outermost=True)},
        inside=_words("if_statement declaration_command"),
        lexis=Lexis(line_comments=("#",)),  # strings interpolate, so what is in them counts
    ),
    Language(
        name="lua",
        extensions=(".lua", ".rockspec", ".luau"),
        shebangs=("lua", "luajit"),
        grammar=Grammar(package="tree-sitter-lua", module="tree_sitter_lua"),
        in_default_install=False,
        definitions={
            "function_declaration": Rule(kind="function"),
            "assignment_statement": Rule(
                kind="function", name=(">variable_list",), value=frozenset({"function_definition"})
            ),
            "field": Rule(kind="method", value=frozenset({"function_definition"})),
        },
        inside=_words("variable_declaration local_declaration return_statement table_constructor"),
        lexis=_LUA,
    ),
    Language(
        name="kotlin",
        extensions=(".kt", ".kts"),
        shebangs=("kotlin",),
        grammar=Grammar(package="tree-sitter-kotlin", module="tree_sitter_kotlin"),
        in_default_install=False,
        definitions=_rules(
            function="function_declaration",
            object="object_declaration companion_object",
            type="type_alias",
        )
        | {
            "class_declaration": Rule(kind="class", kinds={"interface": "interface", "enum_class_body": "enum"}),
            "property_declaration": Rule(kind="property", name=(">variable_declaration",), outermost=True),
        },
        inside=_words("class_body enum_class_body companion_object"),
        lexis=_TEXT_BLOCKS,
    ),
    Language(
        name="scala",
        extensions=(".scala", ".sc", ".sbt"),
        shebangs=("scala", "amm"),
        grammar=Grammar(package="tree-sitter-scala", module="tree_sitter_scala"),
        in_default_install=False,
        definitions=_rules(
            object="object_definition package_object",
            trait="trait_definition",
            enum="enum_definition",
            function="function_definition function_declaration",
            type="type_definition",
            instance="given_definition",
        )
        | {
            "class_definition": Rule(kind="class"),
            "val_definition": Rule(kind="constant", name=("pattern",), outermost=True),
        },
        inside=_words("template_body enum_body with_template_body extension_definition"),
        lexis=_TEXT_BLOCKS,
    ),
    Language(
        name="swift",
        extensions=(".swift",),
        shebangs=("swift",),
        grammar=Grammar(package="tree-sitter-swift", module="tree_sitter_swift"),
        in_default_install=False,
        definitions=_rules(
            protocol="protocol_declaration",
            function="function_declaration protocol_function_declaration",
            type="typealias_declaration",
        )
        | {
            "class_declaration": Rule(
                kind="class", kinds={"struct": "struct", "enum": "enum", "extension": "impl", "actor": "actor"}
            ),
            "init_declaration": Rule(kind="constructor", name=(">init",)),
            "property_declaration": Rule(kind="property", outermost=True),
        },
        inside=_words("class_body enum_class_body protocol_body"),
        lexis=_TEXT_BLOCKS,
    ),
    Language(
        name="elixir",
        extensions=(".ex", ".exs"),
        shebangs=("elixir",),
        grammar=Grammar(package="tree-sitter-elixir", module="tree_sitter_elixir"),
        in_default_install=False,
        definitions={"call": Rule(kind="call")},
        inside=_words("do_block"),
        attributes=frozenset({"unary_operator"}),
        lexis=_ELIXIR,
    ),
    Language(
        name="haskell",
        extensions=(".hs", ".lhs", ".hsc"),
        shebangs=("runhaskell", "runghc"),
        grammar=Grammar(package="tree-sitter-haskell", module="tree_sitter_haskell"),
        in_default_install=False,
        definitions=_rules(
            function="function bind signature",
            type="data_type newtype type_synonym type_family",
            impl="instance",
        )
        | {"class": Rule(kind="class")},
        inside=_words("declarations class_declarations instance_declarations"),
        lexis=_HASKELL,
    ),
    Language(
        name="zig",
        extensions=(".zig", ".zon"),
        grammar=Grammar(package="tree-sitter-zig", module="tree_sitter_zig"),
        in_default_install=False,
        definitions={
            "function_declaration": Rule(kind="function"),
            "variable_declaration": Rule(
                kind="constant",
                name=(">identifier",),
                kinds={"struct_declaration": "struct", "enum_declaration": "enum", "union_declaration": "union"},
                outermost=True,
            ),
            "test_declaration": Rule(kind="test", name=(">string", ">identifier")),
        },
        inside=_words("struct_declaration enum_declaration union_declaration"),
        lexis=_C_LIKE,
    ),
    Language(
        name="json",
        extensions=(".json", ".jsonc", ".json5", ".ipynb", ".webmanifest", ".geojson", ".har"),
        names=(".babelrc", ".eslintrc", ".prettierrc", "composer.lock", "pipfile.lock", "deno.lock", "flake.lock"),
        grammar=Grammar(package="tree-sitter-json", module="tree_sitter_json"),
        definitions={"pair": Rule(kind="key", name=("key",), outermost=True)},
        inside=_words("object document"),
        is_code=False,
    ),
    Language(
        name="yaml",
        extensions=(".yaml", ".yml"),
        names=(".clang-format", ".clang-tidy", ".gemrc"),
        lexis=Lexis(line_comments=("#",)),
        is_code=False,
    ),
    Language(
        name="toml",
        extensions=(".toml",),
        names=("poetry.lock", "cargo.lock", "pipfile", "uv.lock", "pdm.lock"),
        grammar=Grammar(package="tree-sitter-toml", module="tree_sitter_toml"),
        definitions={
            "table": Rule(kind="table", name=(">bare_key", ">dotted_key", ">quoted_key")),
            "table_array_element": Rule(kind="table", name=(">bare_key", ">dotted_key", ">quoted_key")),
            "pair": Rule(kind="key", name=(">bare_key", ">dotted_key", ">quoted_key"), outermost=True),
        },
        lexis=Lexis(line_comments=("#",)),
        is_code=False,
    ),
    Language(
        name="html",
        extensions=(".html", ".htm", ".xhtml"),
        grammar=Grammar(package="tree-sitter-html", module="tree_sitter_html"),
        in_default_install=False,
        definitions={"element": Rule(kind="element", name=(">start_tag",))},
        inside=frozenset({"element"}),
        lexis=_MARKUP,
        is_code=False,
    ),
    Language(
        name="css",
        extensions=(".css",),
        grammar=Grammar(package="tree-sitter-css", module="tree_sitter_css"),
        in_default_install=False,
        definitions={
            "rule_set": Rule(kind="rule", name=(">selectors",)),
            "keyframes_statement": Rule(kind="rule", name=(">keyframes_name",)),
        },
        inside=_words("media_statement block supports_statement"),
        lexis=_STYLES,
        is_code=False,
    ),
    Language(
        name="markdown",
        extensions=(".md", ".markdown", ".mdx", ".mkd", ".mdown", ".qmd", ".rmd"),
        grammar=Grammar(package="tree-sitter-markdown", module="tree_sitter_markdown"),
        is_code=False,
        is_prose=True,
    ),
    Language(name="rst", extensions=(".rst", ".rest"), is_code=False, is_prose=True),
    Language(name="vue", extensions=(".vue",), lexis=_SCRIPT),
    Language(name="svelte", extensions=(".svelte",), lexis=_SCRIPT),
    Language(name="scss", extensions=(".scss", ".sass", ".less"), lexis=_STYLES, is_code=False),
    Language(name="sql", extensions=(".sql",), lexis=Lexis(line_comments=("--",)), is_code=False),
    Language(
        name="xml", extensions=(".xml", ".xsd", ".xsl", ".svg", ".plist", ".csproj"), lexis=_MARKUP, is_code=False
    ),
    Language(
        name="makefile",
        extensions=(".mk", ".mak"),
        names=("makefile", "gnumakefile", "bsdmakefile"),
        shebangs=("make",),
        lexis=Lexis(line_comments=("#",)),
        is_code=False,
    ),
    Language(
        name="dockerfile",
        extensions=(".dockerfile",),
        names=("dockerfile", "containerfile"),
        lexis=Lexis(line_comments=("#",)),
        is_code=False,
    ),
    Language(name=TEXT, extensions=(".txt", ".text", ".adoc", ".org", ".log"), is_code=False),
)

_BY_NAME = {language.name: language for language in LANGUAGES}
_BY_EXTENSION = {extension: language.name for language in LANGUAGES for extension in language.extensions}
_BY_FILE_NAME = {name: language.name for language in LANGUAGES for name in language.names}
_BY_SHEBANG = {program: language.name for language in LANGUAGES for program in language.shebangs}

_LOOKED_AT = 4096  # bytes of a file's beginning; a header's guards and includes come first
_SHEBANG = re.compile(rb"#![ \t]*(?:\S*/)?(?:env[ \t]+(?:-\S+[ \t]+)*)?(?:\S*/)?([A-Za-z-]+)")
_CPLUSPLUS = re.compile(
    rb"^[ \t]*(?:class\s+\w|namespace\b|template\s*<|using\s+\w|public:|private:|protected:)|\bstd::|\b\w+::\w"
    rb"|#include\s*<(?:string|vector|memory|map|utility|functional|iostream|cstd\w+)>",
    re.MULTILINE,
)


def language_named(name: str) -> Language:
    """:raises KeyError: when there is none."""
    return _BY_NAME[name]


def language_of(path: str, head: bytes = b"") -> str:
    """The name of a file's language, `text` when nothing is known about it.

    By its whole name, then its extension, then the interpreter in its first line.

    :param path: with forward slashes.
    :param head: how its content begins. Tells C++ headers from C ones, and scripts without an extension.
    """
    name = path.rpartition("/")[2].lower()
    if found := _BY_FILE_NAME.get(name):
        return found
    stem, dot, suffix = name.rpartition(".")
    if dot and (found := _BY_EXTENSION.get(f".{suffix}")):
        if suffix == "h" and _CPLUSPLUS.search(head[:_LOOKED_AT]):
            return "cpp"
        return found
    if (dot and stem in ("dockerfile", "containerfile", "makefile")) and (found := _BY_FILE_NAME.get(stem)):
        return found
    if (match := _SHEBANG.match(head[:256])) is not None:
        return _BY_SHEBANG.get(match[1].decode(), TEXT)
    return TEXT
