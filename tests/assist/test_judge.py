"""What is said when several changes pass the same tests."""

from __future__ import annotations

from tests.assist.workshop import Workshop

WEAK = {
    "m.py": "def last(items):\n    return items[0]\n",
    "test_m.py": "from m import last\ndef test_last():\n    assert last([1, 2]) == 2\n",
}


async def test_changes_that_differ_show_the_input_on_which_they_do(workshop: Workshop) -> None:
    project = workshop.project(WEAK)
    outcome = await workshop.fix(project, workshop.task(project, "test_m.py"))
    assert outcome.edit is not None, (outcome, workshop.said)
    assert outcome.runners_up
    assert "differ on last(" in outcome.reason, outcome.reason
    assert " here, " in outcome.reason
    assert "Only one test decided" in outcome.reason
