import asyncio
import heapq
import itertools


class JobQueue:
    """Jobs by priority, lowest number first; equal priorities keep their order."""

    def __init__(self):
        self._heap = []
        self._counter = itertools.count()
        self._arrived = asyncio.Event()

    def put(self, job, priority=0):
        heapq.heappush(self._heap, (priority, next(self._counter), job))
        self._arrived.set()

    async def get(self):
        while not self._heap:
            self._arrived.clear()
            await self._arrived.wait()
        return heapq.heappop(self._heap)[2]

    def __len__(self):
        return len(self._heap)

    async def __aiter__(self):
        while self._heap:
            yield await self.get()
