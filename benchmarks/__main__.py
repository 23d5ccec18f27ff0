"""`make bench`: what the server, the sandbox, searching, talking to models, completing and repairing cost.

The exam of the judge is `python -P -m benchmarks.judge`.
"""

from __future__ import annotations

import asyncio

from benchmarks import completion, inference, repair, retrieval, sandbox, server

if __name__ == "__main__":
    asyncio.run(server.main(10))
    asyncio.run(sandbox.main(10))
    asyncio.run(retrieval.main(retrieval.Sizes()))
    asyncio.run(inference.main())
    completion.written()
    asyncio.run(repair.main())
