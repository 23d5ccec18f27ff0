"""A runner that runs nothing and says why: the workspace is not trusted, or no isolation works here."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.ports import Isolation, RunResult, RunSpec, Status


class RefusingRunner:
    """Answers every run with REFUSED. `reason` is one sentence for people, with what they can do."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    @property
    def isolation(self) -> Isolation:
        return Isolation(name="none", detail=self.reason)

    async def run(self, spec: RunSpec, on_stdout: Callable[[bytes], None] | None = None) -> RunResult:  # noqa: ARG002
        return RunResult(status=Status.REFUSED, exit_code=None, stdout=b"", stderr=b"", seconds=0.0, detail=self.reason)

    async def close(self) -> None:
        """Nothing is ever running."""
