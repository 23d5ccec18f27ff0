"""Projects that are hard to search: each ends in a clear word, within the budget."""

from __future__ import annotations

import time

import pytest

from assist.task import Budget
from tests.assist.workshop import Workshop

_BUDGET = 60.0

CASES = {
    "no failing test": (
        {"m.py": "def f():\n    return 1\n", "test_m.py": "from m import f\ndef test_f():\n    assert f() == 1\n"},
        "already pass",
    ),
    "no test at all": ({"m.py": "def f():\n    return 1\n"}, "No tests were found"),
    "syntax error": (
        {"m.py": "def f(:\n    return 1\n", "test_m.py": "from m import f\ndef test_f():\n    assert f() == 1\n"},
        "SyntaxError",
    ),
    "network": (
        {
            "m.py": "import urllib.request\n\ndef fetch():\n    return urllib.request.urlopen('http://192.0.2.1/')\n",
            "test_m.py": "from m import fetch\ndef test_fetch():\n    assert fetch()\n",
        },
        "needs the network",
    ),
    "writes files": (
        {
            "m.py": "def save(path, text):\n    path.write_text(text)\n    return path.read_text() + '!'\n",
            "test_m.py": "from m import save\ndef test_save(tmp_path):\n    assert save(tmp_path / 'a', 'x') == 'x'\n",
        },
        "",
    ),
    "fault at import time": (
        {
            "m.py": "LIMITS = {'a': 1}\nFIRST = LIMITS['b']\n",
            "test_m.py": "import m\ndef test_first():\n    assert m.FIRST == 1\n",
        },
        "",
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_ends_in_a_clear_word(name: str, workshop: Workshop) -> None:
    files, word = CASES[name]
    project = workshop.project(files)
    started = time.monotonic()
    outcome = await workshop.fix(project, workshop.task(project, "."), budget=Budget(seconds=_BUDGET))
    assert time.monotonic() - started < 3 * _BUDGET
    assert outcome.reason.endswith("."), outcome.reason
    if word:
        assert outcome.edit is None
        assert word in outcome.reason, outcome.reason
    elif name == "writes files":
        assert outcome.edit is not None, (outcome.reason, workshop.said)


async def test_a_test_that_takes_a_minute_ends_with_the_budget(workshop: Workshop) -> None:
    project = workshop.project(
        {
            "m.py": "import time\n\ndef f():\n    time.sleep(60)\n    return 1\n",
            "test_m.py": "from m import f\ndef test_f():\n    assert f() == 2\n",
        }
    )
    started = time.monotonic()
    outcome = await workshop.fix(project, workshop.task(project, "."), budget=Budget(seconds=25.0))
    assert time.monotonic() - started < 80
    assert outcome.reason.endswith("."), outcome.reason


async def test_a_flaky_test_is_not_taken_for_repaired(workshop: Workshop) -> None:
    project = workshop.project(
        {
            "m.py": "import random\n\ndef f(n):\n    return n + 1\n",
            "test_m.py": "import random\nfrom m import f\ndef test_f():\n"
            "    assert random.random() < 0.05 and f(1) == 2\n",
        }
    )
    outcome = await workshop.fix(project, workshop.task(project, "."), budget=Budget(seconds=40.0))
    assert outcome.grade != "verified" or not outcome.edit, outcome
