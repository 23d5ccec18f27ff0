import asyncio


async def run_all(jobs, limit=4):
    """Run coroutine functions with at most `limit` at once; results in the order of the jobs."""
    gate = asyncio.Semaphore(limit)

    async def guarded(job):
        async with gate:
            return await job()

    return await asyncio.gather(*(guarded(job) for job in jobs))
