"""Runs the tests' small programs in a sandbox."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.ports import UNPRIVILEGED, Limits, Mount, Runner, RunResult, RunSpec

PYTHON = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
"""The interpreter behind this environment: the tests' guests are Python programs."""

PYTHON_MOUNTS = (
    ()
    if Path(sys.base_prefix).is_relative_to("/usr")
    else (Mount(source=Path(sys.base_prefix), target=sys.base_prefix),)
)


@dataclass(frozen=True, slots=True)
class Guest:
    """Runs small programs in a sandbox."""

    runner: Runner

    async def python(
        self,
        code: str,
        *,
        arguments: Sequence[str] = (),
        mounts: tuple[Mount, ...] = (),
        limits: Limits | None = None,
        user: int = UNPRIVILEGED,
        capabilities: frozenset[str] = frozenset(),
    ) -> RunResult:
        spec = RunSpec(
            argv=(str(PYTHON), "-I", "-c", code, *arguments),
            mounts=(*PYTHON_MOUNTS, *mounts),
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            user=user,
            group=user,
            capabilities=capabilities,
            limits=limits or Limits(wall=20, memory=512 << 20),
        )
        return await self.runner.run(spec)

    async def sh(self, script: str, *, mounts: tuple[Mount, ...] = (), wall: float = 20) -> RunResult:
        return await self.runner.run(
            RunSpec(
                argv=("/bin/sh", "-c", script),
                mounts=mounts,
                env={"PATH": "/usr/bin:/bin"},
                limits=Limits(wall=wall),
            )
        )
