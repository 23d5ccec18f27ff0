import asyncio


class GaveUp(Exception):
    """Every attempt failed; the last error is the cause."""

    def __init__(self, attempts):
        super().__init__(f"gave up after {attempts} attempts")
        self.attempts = attempts


async def retry(call, attempts=3, delay=0.0, errors=(OSError,), sleep=asyncio.sleep):
    """Await call() until it works, at most `attempts` times, waiting twice as long each time."""
    if attempts < 1:
        raise ValueError("attempts must be positive")
    last = None
    for attempt in range(attempts - 1):
        if attempt:
            await sleep(delay * 2 ** (attempt - 1))
        try:
            return await call()
        except errors as error:
            last = error
    raise GaveUp(attempts) from last
