"""What running the unchanged tests shows, with real tests in a real sandbox."""

from __future__ import annotations

from tests.assist.workshop import Workshop

SHOP = """
    LIMIT = 3

    def total(prices):
        result = 0
        for price in prices:
            result += price
        return result

    def first(items):
        return items[0]

    def color(paint):
        return paint.colour
"""


async def test_outcomes_lines_and_failures(workshop: Workshop) -> None:
    seen = await workshop.observe(
        {
            "shop.py": SHOP,
            "tests/test_shop.py": """
                import os, time
                import pytest
                import shop

                def test_total():
                    assert shop.total([1, 2]) == 4

                def test_nothing():
                    assert shop.total([]) == 0

                def test_first():
                    shop.first([])

                def test_color():
                    shop.color("red")

                def test_refuses():
                    with pytest.raises(ValueError):
                        shop.total([])

                def test_skipped():
                    pytest.skip("not today")

                def test_loops():
                    while True:
                        pass

                def test_leaves():
                    os._exit(0)

                def test_after_it():
                    assert shop.first([1]) == 1
            """,
            "tests/test_broken.py": "import nothing_of_this_name\n",
        }
    )
    found = {test.id.rpartition("::")[2]: test for test in seen.tests}
    assert {name: test.outcome for name, test in found.items()} == {
        "test_total": "failed",
        "test_nothing": "passed",
        "test_first": "failed",
        "test_color": "failed",
        "test_refuses": "failed",
        "test_skipped": "skipped",
        "test_loops": "timeout",
        "test_leaves": "error",
        "test_after_it": "passed",
        "tests/test_broken.py": "error",
    }
    assert found["test_total"].lines["shop.py"] == {4, 5, 6, 7}
    assert found["test_nothing"].lines["shop.py"] == {4, 5, 7}
    failures = {name: test.failure for name, test in found.items() if test.failure is not None}
    assert set(failures["test_total"].wanted) == {"4", "3"}
    assert failures["test_first"].raised == "IndexError"
    assert [(frame.path, frame.line) for frame in failures["test_first"].frames] == [
        ("tests/test_shop.py", 12),
        ("shop.py", 10),
    ]
    assert failures["test_color"].missing == "colour"
    assert failures["test_refuses"].should_raise == "ValueError"
    assert failures["test_loops"].frames[-1].path == "tests/test_shop.py"
    assert "nothing_of_this_name" in failures["tests/test_broken.py"].text
    assert "shop" not in seen.modules


async def test_others_are_run_when_the_one_asked_for_fails(workshop: Workshop) -> None:
    files = {
        "shop.py": SHOP,
        "test_shop.py": """
            import pytest, shop
            @pytest.mark.parametrize("prices, result", [([1], 1), ([2], 3)])
            def test_total(prices, result):
                assert shop.total(prices) == result

            def test_first():
                assert shop.first([1]) == 1
        """,
    }
    seen = await workshop.observe(files, "test_shop.py::test_total")
    assert [test.id for test in seen.targets] == ["test_shop.py::test_total[prices1-3]"]
    assert len(seen.selected) == 2
    assert len(seen.tests) == 3

    seen = await workshop.observe(files, "test_shop.py::test_first")
    assert not seen.targets
    assert [test.outcome for test in seen.tests] == ["passed"]


async def test_a_name_that_matches_nothing_is_said(workshop: Workshop) -> None:
    seen = await workshop.observe({"test_a.py": "def test_a(): pass\n"}, "test_a.py::test_b")
    assert not seen.selected
    assert "test_b" in seen.detail


async def test_unittest_and_async_code(workshop: Workshop) -> None:
    seen = await workshop.observe(
        {
            "clock.py": "import asyncio\nasync def tick(n):\n    await asyncio.sleep(0)\n    return n\n",
            "test_clock.py": """
                import asyncio, unittest
                from clock import tick

                class Clock(unittest.TestCase):
                    def test_ticks(self):
                        self.assertEqual(asyncio.run(tick(1)), 2)
            """,
        }
    )
    [test] = seen.tests
    assert test.outcome == "failed"
    assert test.lines["clock.py"] == {3, 4}
    assert test.failure is not None
    assert {"1", "2"} <= set(test.failure.wanted)
