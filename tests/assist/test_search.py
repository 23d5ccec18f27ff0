"""Search-based repair on small faults of many kinds, with real tests in a real sandbox."""

from __future__ import annotations

import textwrap
from collections import Counter

import pytest

from assist.observe import observe
from assist.repair import SearchRepair
from assist.repair.execute import SearchRun, search
from assist.repair.scope import Mutation
from assist.repair.source import Splice
from assist.task import Candidate, Task
from tests.assist.workshop import Workshop

FAULTS = {
    "comparison": (
        "def can_vote(age):\n    return age > 18\n",
        "from m import can_vote\n"
        "def test_edge():\n    assert can_vote(18)\n"
        "def test_others():\n    assert can_vote(30) and not can_vote(17)\n",
        "return age >= 18",
    ),
    "constant of the module": (
        "SECONDS_PER_HOUR = 360\n\ndef hours(seconds):\n    return seconds / SECONDS_PER_HOUR\n",
        "import m\ndef test_hours():\n    assert m.hours(7200) == 2\n    assert m.hours(3600) == 1\n",
        "SECONDS_PER_HOUR = 3600",
    ),
    "guard": (
        "def initials(name):\n    return ''.join(part[0] for part in name.split())\n",
        "from m import initials\n"
        "def test_nobody():\n    assert initials(None) == ''\n"
        "def test_somebody():\n    assert initials('ada lovelace') == 'al'\n",
        'if name is None:\n        return ""',
    ),
    "recursion without end": (
        "def power(x, n):\n    return x * power(x, n - 1)\n",
        "from m import power\ndef test_powers():\n    assert power(2, 3) == 8 and power(3, 0) == 1\n",
        "return 1",
    ),
    "mutable default": (
        "def collect(item, into=[]):\n    into.append(item)\n    return into\n",
        "from m import collect\ndef test_fresh():\n    collect(1)\n    assert collect(2) == [2]\n",
        "into=None",
    ),
    "loop without end": (
        "def digits(n):\n    found = []\n    while n >= 0:\n        found.append(n % 10)\n        n //= 10\n"
        "    return found\n",
        "from m import digits\ndef test_digits():\n    assert digits(42) == [2, 4]\n    assert digits(7) == [7]\n",
        "while n > 0:",
    ),
    "missing return": (
        "def double(values):\n    result = [2 * value for value in values]\n",
        "from m import double\ndef test_double():\n    assert double([1, 2]) == [2, 4]\n",
        "return result",
    ),
    "method of a class": (
        "class Account:\n    def __init__(self):\n        self.held, self.spent = 0, 0\n\n"
        "    def free(self):\n        return self.spent - self.held\n",
        "from m import Account\ndef test_free():\n    a = Account()\n    a.held, a.spent = 9, 4\n"
        "    assert a.free() == 5\n",
        "return self.held - self.spent",
    ),
    "await": (
        "import asyncio\n\nasync def fetch(n):\n    await asyncio.sleep(0)\n    return n\n\n"
        "async def both(a, b):\n    return fetch(a), await fetch(b)\n",
        "import asyncio\nfrom m import both\ndef test_both():\n    assert asyncio.run(both(1, 2)) == (1, 2)\n",
        "return (await fetch(a)), await fetch(b)",
    ),
    "file that cannot be imported": (
        "def retries(limit=3):\n    return limit\n\nDEFAULT = retires()\n",
        "from m import DEFAULT\ndef test_default():\n    assert DEFAULT == 3\n",
        "DEFAULT = retries()",
    ),
    "exception waited for": (
        "def share(total, people):\n    return total // people if people else 0\n",
        "import pytest\nfrom m import share\n"
        "def test_refuses():\n    with pytest.raises(ValueError):\n        share(10, 0)\n"
        "def test_shares():\n    assert share(10, 3) == 3\n",
        "raise ValueError",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_repairs(name: str, workshop: Workshop) -> None:
    code, tests, wanted = FAULTS[name]
    found = await repairs(workshop, {"m.py": code, "test_m.py": tests}, "test_m.py")
    assert found, workshop.said
    texts = [(candidate.edit.changes[0].after or b"").decode() for candidate in found]
    assert any(wanted in text for text in texts[:4]), texts[:4]


async def test_a_candidate_that_misbehaves_costs_only_itself(workshop: Workshop) -> None:
    code = "import os\n\ndef answer():\n    return 41\n"
    project = workshop.project(
        {"m.py": code, "test_m.py": "from m import answer\ndef test_answer():\n    assert answer() == 42\n"}
    )
    seen = await observe(project, workshop.runner, test="test_m.py")
    bodies = [
        "while True: pass",
        "os._exit(0)",
        "os.kill(os.getpid(), 9)",
        "[bytearray(1 << 24) for _ in range(1000)]",
        "import sys; sys.exit()",
        "raise KeyboardInterrupt",
        "return (",
        "os.closerange(3, 64)",
        "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    while True: pass",
        "os.write(3, b'nonsense')",
        "[os.fork() for _ in range(8)]\n    while True: pass",
        "return 42",
    ]
    at = code.index("return 41")
    mutations = [
        Mutation(
            path="m.py",
            splices=(Splice(at, at + len("return 41"), body),),
            template="constant",
            title=body,
            lines=range(4, 5),
            weight=1.0,
        )
        for body in bodies
    ]
    run = SearchRun()
    await search(mutations, seen, project, workshop.runner, run, seconds=120.0)
    results = {trial.mutation.title: trial.result for trial in run.trials}
    assert set(results) == set(bodies), run
    assert [body for body in bodies if results[body] == "passed"] == ["return 42"]
    assert results["return ("] == "invalid"
    assert results["while True: pass"] == "timeout"
    assert results["os._exit(0)"] == "crash"


async def test_what_passes_in_the_last_batch_is_confirmed(workshop: Workshop) -> None:
    """Beside one that fixes a part, after which nothing is tried again alone."""
    code = "def answer(n):\n    return 41\n"
    tests = (
        "from m import answer\ndef test_a():\n    assert answer(1) == 42\ndef test_b():\n    assert answer(2) == 42\n"
    )
    project = workshop.project({"m.py": code, "test_m.py": tests})
    seen = await observe(project, workshop.runner, test="test_m.py")
    mutations = [changed("m.py", code, "41", text, 2) for text in ("42 if n == 1 else 0", "42")]
    run = SearchRun()
    await search(mutations, seen, project, workshop.runner, run, seconds=60.0)
    assert {trial.mutation.title: trial.result for trial in run.trials} == {
        "42 if n == 1 else 0": "partial",
        "42": "passed",
    }


async def test_what_one_candidate_leaves_behind_is_gone_for_the_next(workshop: Workshop) -> None:
    code = (
        "from functools import cache\n\nSEEN = []\n\nclass Box:\n    items = {}\n\n"
        "@cache\ndef answer():\n    return 41\n"
    )
    tests = (
        "import m\ndef test_answer():\n    m.SEEN.append(1)\n    m.Box.items['a'] = 1\n"
        "    assert m.answer() == 42\n    assert m.SEEN == [1] and len(m.Box.items) == 1\n"
    )
    project = workshop.project({"m.py": code, "test_m.py": tests})
    seen = await observe(project, workshop.runner, test="test_m.py")
    at = code.index("41")
    mutations = [
        Mutation(
            path="m.py",
            splices=(Splice(at, at + 2, text),),
            template="constant",
            title=text,
            lines=range(10, 11),
            weight=1.0,
        )
        for text in ("40", "SEEN.append(2) or 7", "Box.items.update(b=2) or 8", "42")
    ]
    run = SearchRun()
    await search(mutations, seen, project, workshop.runner, run, seconds=60.0)
    assert [trial.mutation.title for trial in run.trials if trial.result == "passed"] == ["42"]


async def test_other_tests_that_break_rule_a_candidate_out(workshop: Workshop) -> None:
    files = {
        "m.py": "def area(w, h):\n    return w + h\n",
        "test_m.py": "from m import area\ndef test_two():\n    assert area(2, 3) == 6\n"
        "def test_same():\n    assert area(2, 2) == 4\n",
    }
    found = await repairs(workshop, files, "test_m.py::test_two")
    first = found[0].edit.changes[0].after or b""
    assert b"return w * h" in first
    assert all(b"+ h + 1" not in (candidate.edit.changes[0].after or b"") for candidate in found)


async def test_two_faults_are_mended_one_after_the_other(workshop: Workshop) -> None:
    """The fixture is shared by passing and failing tests, and torn down when a candidate fails half-way."""
    files = {
        "m.py": "def low(items):\n    return max(items)\n\n\ndef high(items):\n    return min(items)\n",
        "test_m.py": "import pytest\nfrom m import high, low\n\n"
        "@pytest.fixture(scope='module')\ndef items():\n    return [3, 1, 2]\n\n"
        "def test_low(items):\n    assert low(items) == 1\n\n"
        "def test_one(items):\n    assert low([7]) == high([7]) == 7\n",
        "test_n.py": "from m import high\ndef test_high():\n    assert high([1, 9, 4]) == 9\n",
    }
    found = await repairs(workshop, files, ".")
    after = (found[0].edit.changes[0].after or b"").decode()
    assert after == files["m.py"].replace("max", "x").replace("min", "max").replace("x(items)", "min(items)", 1)
    assert found[0].plausible
    assert found[0].origin == "repair:function_name+function_name"


async def test_several_patches_that_pass_are_all_offered(workshop: Workshop) -> None:
    files = {
        "m.py": "def last(items):\n    return items[0]\n",
        "test_m.py": "from m import last\ndef test_last():\n    assert last([1, 2]) == 2\n",
    }
    found = await repairs(workshop, files, "test_m.py")
    texts = [(candidate.edit.changes[0].after or b"").decode() for candidate in found]
    assert "def last(items):\n    return items[-1]\n" in texts
    assert "def last(items):\n    return items[1]\n" in texts
    assert all(candidate.plausible for candidate in found)
    assert len(set(texts)) == len(texts)
    recital = next((place for place, text in enumerate(texts) if "return 2" in text), len(texts))
    assert recital > 0, "a patch that recites the test's answer came first"


async def test_nothing_in_tests_is_changed(workshop: Workshop) -> None:
    files = {
        "conftest.py": "def helper(n):\n    return n < 3\n",
        "test_m.py": "from conftest import helper\ndef test_m():\n    assert helper(3)\n",
    }
    assert not await repairs(workshop, files, "test_m.py")


async def repairs(workshop: Workshop, files: dict[str, str], test: str) -> list[Candidate]:
    project = workshop.project({name: textwrap.dedent(text) for name, text in files.items()})
    task = Task(kind="make_test_pass", root=project.root, test=test)
    seen = await observe(project, workshop.runner, test=test)
    assert seen.targets, seen
    repair = SearchRepair(workshop.runner, project)
    found = [candidate async for candidate in repair.propose(task, seen, (), workshop.said.append)]
    run: SearchRun | None = repair.last
    assert run is None or not run.detail, (run, Counter(trial.result for trial in run.trials))
    return found


def changed(path: str, code: str, old: str, new: str, line: int) -> Mutation:
    at = code.index(old)
    return Mutation(
        path=path,
        splices=(Splice(at, at + len(old), new),),
        template="constant",
        title=new,
        lines=range(line, line + 1),
        weight=1.0,
    )
