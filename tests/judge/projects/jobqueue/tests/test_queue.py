import asyncio

from jobqueue import JobQueue


def test_order_by_priority():
    async def main():
        queue = JobQueue()
        queue.put("late", priority=5)
        queue.put("soon", priority=1)
        return [await queue.get(), await queue.get()]

    assert asyncio.run(main()) == ["soon", "late"]


def test_equal_priorities_keep_their_order():
    async def main():
        queue = JobQueue()
        for name in "abc":
            queue.put(name)
        return [job async for job in queue]

    assert asyncio.run(main()) == ["a", "b", "c"]


def test_get_waits():
    async def main():
        queue = JobQueue()
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.put("x")
        return await waiting

    assert asyncio.run(main()) == "x"


def test_length():
    async def main():
        queue = JobQueue()
        queue.put(1)
        queue.put(2)
        return len(queue)

    assert asyncio.run(main()) == 2
