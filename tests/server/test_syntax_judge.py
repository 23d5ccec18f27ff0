"""The syntax filter in a process of its own: it judges, and what keeps a parser busy keeps nobody waiting."""

from __future__ import annotations

import asyncio
import time

from assist.complete.filters.syntax import Question
from server.syntax_judge import SyntaxJudge

WORSE = Question(language="python", without="x = 1\n", with_it="x = 1 )\n")
BETTER = Question(language="python", without="x = (\n", with_it="x = (1)\n")
HOSTILE = Question(language="c", without="", with_it="a=>" * 4000)


async def _ready(judge: SyntaxJudge) -> None:
    async with asyncio.timeout(60):
        while not judge.is_ready:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)


async def test_it_judges_once_it_has_started_and_not_before() -> None:
    judge = SyntaxJudge()
    try:
        assert not await judge.is_worse(WORSE)
        await _ready(judge)
        async with asyncio.timeout(60):
            while not await judge.is_worse(WORSE):  # a loaded machine may take longer than is waited for
                await _ready(judge)
        assert not await judge.is_worse(BETTER)
    finally:
        await judge.close()
    assert not judge.is_ready


async def test_a_text_made_for_it_is_given_up_and_others_go_on_meanwhile() -> None:
    judge = SyntaxJudge()
    try:
        judge.start()
        await _ready(judge)
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                await asyncio.sleep(0.005)
                beats += 1

        heart = asyncio.create_task(beat())
        began = time.monotonic()
        assert not await judge.is_worse(HOSTILE)
        assert time.monotonic() - began < 10  # alone it takes minutes
        heart.cancel()
        assert beats >= 2
        assert not judge.is_ready
        assert not await judge.is_worse(WORSE)  # a while is let pass before it starts again
        assert not judge.is_ready
    finally:
        await judge.close()
