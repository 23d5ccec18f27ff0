"""Tests found without running anything, held to what real pytest collects from the same files."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workspace.tests import TestCase, is_test_path, is_test_support, read_conventions, tests_in

Tree = Callable[[Mapping[str, str | bytes]], Path]

FUNCTIONS = """
import pytest
from functools import wraps
import sys

def test_plain(): pass
def testing_counts(): pass
def helper(): pass
def Test_no(): pass
async def test_async(): pass

@pytest.mark.parametrize("x", [1])
@pytest.mark.skipif(False, reason="")
def test_decorated(
    x,
):
    assert x

@pytest.fixture
def test_data(): return 1

@pytest.fixture(scope="module")
def test_more_data(): return 1

def test_twice(): pass
def test_twice(): assert True

def test_rebound(): pass
test_rebound = None

if sys.version_info > (3, 0):
    def test_under_if(): pass
else:
    def test_under_if(): pass
try:
    import nothing_of_that_name
except ImportError:
    def test_in_except(): pass

def outer():
    def test_inner(): pass
"""

CLASSES = """
class TestOne:
    limit = 3
    def test_a(self): pass
    async def test_b(self): pass
    def helper(self): pass
    @staticmethod
    def test_static(): pass
    @classmethod
    def test_class(cls): pass
    @property
    def test_property(self): return 1
    class TestNested:
        def test_deep(self): pass
        class TestDeeper:
            def test_deeper(self): pass
    class Helper:
        def test_no(self): pass

class NotCollected:
    def test_a(self): pass

class TestWithConstructor:
    def __init__(self): pass
    def test_a(self): pass

class TestWithNew:
    def __new__(cls): return object.__new__(cls)
    def test_a(self): pass

class Base:
    def test_inherited(self): pass
    def test_overridden(self): pass
    class TestOfBase:
        def test_x(self): pass

class TestDerived(Base):
    def test_overridden(self): pass
    def test_own(self): pass

class TestFurther(TestDerived):
    test_own = None

class ConstructedBase:
    def __init__(self): pass

class TestConstructed(ConstructedBase):
    def test_a(self): pass

class TestOff:
    __test__ = False
    def test_a(self): pass

class TestOn(TestOff):
    __test__ = True

class TestGeneric(list[int]):
    pass
"""

UNITTEST = """
import unittest
import unittest as ut
from unittest import TestCase, IsolatedAsyncioTestCase as Async, mock
from unittest import TestCase as Case

class One(unittest.TestCase):
    def setUp(self): pass
    def test_a(self): pass
    def check(self): pass
    class TestInner:
        def test_not_collected(self): pass

class Two(ut.TestCase):
    def __init__(self, *args):
        super().__init__(*args)
    def test_b(self): pass

class Three(Case):
    @mock.patch("os.getcwd")
    def test_c(self, cwd): pass

class Four(Async):
    async def test_d(self): pass

class Five(One):
    def test_e(self): pass

class Mixin:
    def test_mixed_in(self): pass

class Six(Mixin, TestCase):
    pass
"""

OFF = """
__test__ = False
def test_a(): pass
"""


def collected(root: Path, *arguments: str) -> list[str]:
    """What real pytest collects, parameters cut off."""
    command = (sys.executable, "-P", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments)
    env = {"PATH": os.environ["PATH"], "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=root, env=env, check=False, stdout=subprocess.PIPE)
    ids = [line for line in done.stdout.decode().splitlines() if "::" in line and not line.startswith(" ")]
    return sorted({name.partition("[")[0] for name in ids})


@pytest.mark.parametrize("source", [FUNCTIONS, CLASSES, UNITTEST, OFF], ids=["functions", "classes", "unittest", "off"])
def test_the_same_tests_as_pytest(tree: Tree, source: str) -> None:
    root = tree({"test_it.py": source, "pytest.ini": "[pytest]"})
    expected = collected(root)
    assert expected or source is OFF
    assert sorted(case.id for case in tests_in("test_it.py", source)) == expected


CONFIGURATIONS: dict[str, str] = {
    "pytest.ini": "[pytest]\npython_files = check_*.py spec/*.py\npython_functions = check it_*\n"
    "python_classes = Check *Spec\n",
    "pyproject.toml": "[tool.pytest.ini_options]\npython_files = 'check_*.py spec/*.py'\n"
    "python_functions = ['check', 'it_*']\npython_classes = ['Check', '*Spec']\n",
    "tox.ini": "[pytest]\npython_files =\n    check_*.py\n    spec/*.py\npython_functions = check it_*\n"
    "python_classes = Check *Spec\n",
    "setup.cfg": "[tool:pytest]\npython_files = check_*.py spec/*.py\npython_functions = check it_*\n"
    "python_classes = Check *Spec\n",
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_projects_own_conventions(tree: Tree, name: str) -> None:
    source = (
        "def check_a(): pass\ndef it_works(): pass\ndef test_not(): pass\n"
        "class CheckOne:\n    def check_m(self): pass\nclass OneSpec:\n    def it_m(self): pass\n"
        "class TestNot:\n    def check_m(self): pass\n"
    )
    files = ("check_a.py", "spec/any.py", "other.py", "deep/spec/b.py", "deep/check_c.py")
    root = tree({name: CONFIGURATIONS[name], **dict.fromkeys(files, source)})
    conventions = read_conventions(root)
    ours = [case.id for file in files for case in tests_in(file, source, conventions)]
    assert sorted(ours) == collected(root, "--import-mode=importlib") != []


def test_the_first_configuration_wins_as_in_pytest(tree: Tree) -> None:
    root = tree({"tox.ini": "[pytest]\npython_functions = tox", "setup.cfg": "[tool:pytest]\npython_functions = cfg"})
    assert read_conventions(root).python_functions == ("tox",)
    tree({"pyproject.toml": "[tool.pytest.ini_options]\npython_functions = 'toml'\ntestpaths = ['checks', 'more']"})
    assert read_conventions(root).python_functions == ("toml",)
    assert read_conventions(root).testpaths == ("checks", "more")
    tree({"pytest.ini": ""})  # an empty one counts
    assert read_conventions(root).python_functions == ("test",)


@pytest.mark.parametrize(
    "content",
    [b"[tool.pytest", b"\xff\xfe", b"[tool]\npytest = 3", b"[tool.pytest.ini_options]\npython_files = 7", b"[" * 9999],
    ids=["unclosed", "bytes", "no table", "number", "deep"],
)
def test_a_configuration_that_cannot_be_understood_changes_nothing(tree: Tree, content: bytes) -> None:
    assert read_conventions(tree({"pyproject.toml": content})).python_files == ("test_*.py", "*_test.py")
    assert read_conventions(tree({"tox.ini": content})).python_files == ("test_*.py", "*_test.py")


def test_where_a_test_is() -> None:
    source = (
        "import pytest\n\n@pytest.mark.slow\ndef test_a():\n    x = 1\n    assert x\n\n"
        "class TestB:\n    def test_c(self): pass\n"
    )
    assert tests_in("tests/test_a.py", source) == (
        TestCase(id="tests/test_a.py::test_a", name="test_a", path="tests/test_a.py", line=3, end_line=5),
        TestCase(id="tests/test_a.py::TestB::test_c", name="TestB::test_c", path="tests/test_a.py", line=8, end_line=8),
    )


@pytest.mark.parametrize(
    "source",
    ["def test_a(:", "\0", "\ud800", "(" * 5000, "x = " + "-" * 50_000 + "1", "def test_a():\n\tpass\n  pass"],
    ids=["syntax", "nul", "surrogate", "deep", "deeper", "tabs"],
)
def test_a_file_that_cannot_be_parsed_has_no_tests(source: str) -> None:
    assert tests_in("test_a.py", source) == ()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text())
def test_no_text_raises(source: str) -> None:
    tests_in("test_a.py", source)


def test_bases_in_a_circle_end() -> None:
    assert len(tests_in("test_a.py", "class TestA(TestB):\n def test_a(self): 0\nclass TestB(TestA): pass")) == 2


def test_doubtful_escapes_warn_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tests_in("test_a.py", "def test_a():\n    return '\\d', 1 is 1\n")


def test_an_imported_base_counts_by_its_name() -> None:
    source = (
        "import django.test\nfrom app.testing import ShopTestCase, Helper\n"
        "class A(ShopTestCase):\n def test_a(self): 0\nclass B(Helper):\n def test_b(self): 0\n"
        "class C(django.test.TestCase):\n def test_c(self): 0\n"
    )
    assert [case.name for case in tests_in("app/tests.py", source)] == ["A::test_a", "C::test_c"]


def test_a_file_that_is_no_test_file_has_none() -> None:
    assert tests_in("src/app.py", "def test_connection(): pass") == ()


@pytest.mark.parametrize(
    "path", ["test_a.py", "a/test_a.py", "a_test.py", "tests/a.py", "a/test/b/c.py", "app/tests.py"]
)
def test_paths_of_tests(path: str) -> None:
    assert is_test_path(path)


@pytest.mark.parametrize(
    "path", ["a.py", "latest.py", "contest/a.py", "tests/a.txt", "tests/conftest.py", "testing/a.py"]
)
def test_paths_of_what_is_no_test(path: str) -> None:
    assert not is_test_path(path)


@pytest.mark.parametrize(
    "path",
    (
        "conftest.py",
        "a/conftest.py",
        "pytest.ini",
        "tox.ini",
        "setup.cfg",
        "pyproject.toml",
        ".coveragerc",
        "noxfile.py",
        "sitecustomize.py",
        "x.pth",
        "tests/data/a.json",
        "src/fixtures/a.py",
        "testdata/a",
        "a/__snapshots__/b.ambr",
    ),
)
def test_paths_that_tests_rest_on(path: str) -> None:
    assert is_test_support(path)


@pytest.mark.parametrize("path", ["a.py", "tests/test_a.py", "data/a.json", "README.md", "src/pytest_plugin.py"])
def test_paths_that_tests_do_not_rest_on(path: str) -> None:
    assert not is_test_support(path)
