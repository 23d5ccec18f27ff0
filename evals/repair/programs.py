"""Small programs with one fault each: written for this evaluation, by the classes of fault that the literature names.

Each is kept as it should be, with the fault as a replacement of text. A third of its tests is held out: the repair
never sees them, and a repair that does not pass them was plausible only.
"""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs")
MODULE, TESTS = "program.py", "test_program.py"

_EACH = 3  # one test of so many is held out


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    kind: str
    """The class of its fault."""
    good: str
    faulty: str
    tests: str
    """All of them."""

    @property
    def test_names(self) -> tuple[str, ...]:
        return tuple(node.name for node in _tests_in(self.tests))

    def held_out(self, failing: frozenset[str]) -> frozenset[str]:
        """Every third test, of those that leave at least one failing test to the repair.

        :param failing: the tests that fail with the fault.
        :raises ValueError: when there is none.
        """
        if not failing:
            raise ValueError(f"no test of {self.name} fails")
        names = self.test_names
        for first in (2, 1, 0):
            held = frozenset(names[first::_EACH])
            if failing - held and failing & held:
                return held
        return next(held for first in (2, 1, 0) if failing - (held := frozenset(names[first::_EACH])))

    def without(self, names: frozenset[str]) -> str:
        """The tests' source without these tests."""
        lines = self.tests.split("\n")
        for node in reversed(_tests_in(self.tests)):
            if node.name in names:
                del lines[node.lineno - 1 : node.end_lineno]
        return "\n".join(lines)


def load_programs(folder: Path = PROGRAMS) -> tuple[Program, ...]:
    """All of them, sorted by class and name.

    :raises ValueError: when a fault's text does not stand in its program exactly once.
    """
    found: list[Program] = []
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["program"]:
            good = entry["code"].lstrip("\n")
            old, new = entry["fault"]
            if good.count(old) != 1:
                raise ValueError(f"the fault of {entry['name']} stands {good.count(old)} times in it, not once")
            tests = entry["tests"].lstrip("\n")
            program = Program(
                name=entry["name"], kind=entry["class"], good=good, faulty=good.replace(old, new), tests=tests
            )
            found.append(program)
    return tuple(sorted(found, key=lambda program: (program.kind, program.name)))


def _tests_in(code: str) -> list[ast.FunctionDef]:
    body = ast.parse(code).body
    return [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
