"""Which files are seldom wanted, by each language's conventions."""

from __future__ import annotations

import pytest

from retrieval.rank import penalties
from retrieval.rank.penalties import (
    CHRONICLE,
    COMPATIBILITY,
    DATA,
    EXAMPLE,
    GENERATED,
    PACKAGE,
    PROSE,
    STUB,
    TEST,
    VENDORED,
    path_kinds,
)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("tests/unit/test_client.py", "python"),
        ("pkg/client_test.py", "python"),
        ("pkg/conftest.py", "python"),
        ("testing/python/fixtures.py", "python"),
        ("t/unit/worker.py", "python"),
        ("test/support.py", "python"),
        ("pkg/server_test.go", "go"),
        ("pkg/testdata/input.go", "go"),
        ("src/test/java/com/acme/Helper.java", "java"),
        ("src/main/java/com/acme/ClientTest.java", "java"),
        ("src/ClientIT.java", "java"),
        ("test-shrinker/src/main/java/Main.java", "java"),
        ("app/src/androidTest/kotlin/Helper.kt", "kotlin"),
        ("src/ClientSpec.kt", "kotlin"),
        ("core/src/ClientSuite.scala", "scala"),
        ("packages/core/__tests__/helper.ts", "typescript"),
        ("src/client.spec.ts", "typescript"),
        ("src/client.test.jsx", "javascript"),
        ("src/client-test.js", "javascript"),
        ("cypress/login.js", "javascript"),
        ("spec/support/helper.js", "javascript"),
        ("tests/cli.rs", "rust"),
        ("src/parser/tests.rs", "rust"),
        ("spec/models/user_spec.rb", "ruby"),
        ("spec/factories.rb", "ruby"),
        ("test/test_client.rb", "ruby"),
        ("tests/ClientTest.php", "php"),
        ("src/ClientTest.php", "php"),
        ("Acme.Client.Tests/Helper.cs", "csharp"),
        ("Acme/ClientTests.cs", "csharp"),
        ("Tests/ClientTests/Helper.swift", "swift"),
        ("test/format-test.cc", "cpp"),
        ("src/test_format.c", "c"),
        ("base/string_unittest.cc", "cpp"),
        ("test/phoenix/router_test.exs", "elixir"),
        ("src/ParserSpec.hs", "haskell"),
        ("spec/client_spec.lua", "lua"),
        ("test/behavior/array.zig", "zig"),
        ("install.bats", "bash"),
        ("test/run.sh", "bash"),
        ("t/basic.t", "text"),
    ],
)
def test_tests(path: str, language: str) -> None:
    assert TEST in path_kinds(path, language)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("src/_pytest/python.py", "python"),
        ("django/test/client.py", "python"),
        ("numpy/testing/utils.py", "python"),
        ("src/contest.py", "python"),
        ("src/latest/release.py", "python"),
        ("lib/attestation.go", "go"),
        ("testing.go", "go"),
        ("javax/crypto/spec/KeySpec.java", "java"),
        ("src/Testament.java", "java"),
        ("src/inspect.ts", "typescript"),
        ("lib/rspec/core.rb", "ruby"),
        ("bin/test_case.sh", "bash"),
        ("plugins/test_helper.bash", "bash"),
        ("src/greatest.lua", "lua"),
        ("src/Protest.cs", "csharp"),
    ],
)
def test_what_only_looks_like_tests(path: str, language: str) -> None:
    assert TEST not in path_kinds(path, language)


@pytest.mark.parametrize(
    ("path", "language", "kind"),
    [
        ("examples/app.py", "python", EXAMPLE),
        ("_examples/main.go", "go", EXAMPLE),
        ("docs_src/tutorial.py", "python", EXAMPLE),
        ("benches/walk.rs", "rust", EXAMPLE),
        ("packages-private/sfc-playground/src/main.ts", "typescript", EXAMPLE),
        ("api/service.pb.go", "go", GENERATED),
        ("api/service_pb2_grpc.py", "python", GENERATED),
        ("Form.Designer.cs", "csharp", GENERATED),
        ("dist/vue.js", "javascript", GENERATED),
        ("static/jquery.min.js", "javascript", GENERATED),
        ("package-lock.json", "json", GENERATED),
        ("Cargo.lock", "toml", GENERATED),
        ("vendor/decNumber/decNumber.c", "c", VENDORED),
        ("third_party/zlib/inflate.c", "c", VENDORED),
        ("pip/_vendor/rich/text.py", "python", VENDORED),
        ("node_modules/left-pad/index.js", "javascript", VENDORED),
        ("src/compat/data.ts", "typescript", COMPATIBILITY),
        ("lib/legacy/client.rb", "ruby", COMPATIBILITY),
        ("types/index.d.ts", "typescript", STUB),
        ("pkg/client.pyi", "python", STUB),
        ("com/acme/package-info.java", "java", PACKAGE),
        ("docs/guide.md", "markdown", PROSE),
        ("docs/topics/settings.rst", "rst", PROSE),
        ("docs/faq.txt", "text", PROSE),
        ("README", "text", PROSE),
        ("jq.1", "text", PROSE),
        (".gitignore", "text", DATA),
        ("locale/de.po", "text", DATA),
        ("web/index.html", "html", DATA),
        ("CHANGELOG.md", "markdown", CHRONICLE),
        ("LICENSE", "text", CHRONICLE),
        ("HISTORY.rst", "rst", CHRONICLE),
        ("config/app.yaml", "yaml", DATA),
        ("pyproject.toml", "toml", DATA),
    ],
)
def test_other_kinds(path: str, language: str, kind: str) -> None:
    assert kind in path_kinds(path, language)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("src/app.py", "python"),
        ("pkg/__init__.py", "python"),
        ("lib/history.py", "python"),
        ("src/example.rs", "rust"),
        ("internal/external_id.go", "go"),
        ("src/distance.ts", "typescript"),
        ("Makefile", "makefile"),
        ("src/parser.y", "text"),
        ("src/builtin.jq", "text"),
        ("lib/history.pl", "perl"),
        ("lib/news.dart", "dart"),
        ("a/b\udcff.py", "python"),
        ("", ""),
    ],
)
def test_ordinary_source(path: str, language: str) -> None:
    assert path_kinds(path, language) == ()


def test_the_strongest_penalty_counts_once() -> None:
    kinds = path_kinds("vendor/lib/tests/test_a.py", "python")
    assert set(kinds) == {VENDORED, TEST}
    assert penalties.factor(kinds, frozenset()) == min(penalties.FACTORS[TEST], penalties.FACTORS[VENDORED])
    assert penalties.factor((TEST,), frozenset({TEST})) == 1.0
    assert penalties.factor((), frozenset()) == 1.0


def test_every_kind_has_a_factor_that_lowers() -> None:
    assert all(0 < factor < 1 for factor in penalties.FACTORS.values())
    spared = frozenset[str]().union(*penalties.ASKED_FOR.values())
    assert spared < penalties.FACTORS.keys()
