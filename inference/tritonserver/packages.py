"""Installing Python packages from lock files with `uv`, where there is one on PATH, or with `venv` and `pip`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.tritonserver.errors import InstallFailed

# uv does not read pip's settings; a mirror that is set for pip alone is meant for uv as well.
_SAME = {
    "UV_DEFAULT_INDEX": ("PIP_INDEX_URL", "global.index-url"),
    "UV_INDEX": ("PIP_EXTRA_INDEX_URL", "global.extra-index-url"),
    "UV_FIND_LINKS": ("PIP_FIND_LINKS", "global.find-links"),
}
_OLD_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
# Every file is checked against its hash, so it does not matter which index gives it.
_ONLY_LOCKED = ("--require-hashes", "--no-deps", "--only-binary", ":all:")
_SHOWN = 300  # characters of what an installer said


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    base: Path
    """The Python to make environments with."""
    uv: Path | None
    env: Mapping[str, str]

    @classmethod
    async def at_hand(cls, base: Path) -> Installer:
        env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        found = shutil.which("uv")
        if found is None:
            return cls(base=base, uv=None, env=env)
        for ours, (variable, setting) in _SAME.items():
            if not env.get(ours) and not env.get(_OLD_NAMES.get(ours, "")):
                value = env.get(variable) or await _pip_setting(base, setting)
                env |= {ours: value} if value else {}
        return cls(base=base, uv=Path(found), env=env)

    async def make_environment(self, folder: Path) -> None:
        """:raises InstallFailed:"""
        if self.uv is not None:
            # It is moved to its place when it is whole.
            await self._run([self.uv, "venv", "--quiet", "--relocatable", "--python", self.base, folder])
            return
        try:
            await self._run([self.base, "-I", "-m", "venv", folder])
        except InstallFailed as error:
            raise InstallFailed(
                f"{self.base} cannot make a virtual environment; install uv, or what it lacks "
                "(on Debian: apt-get install python3-venv)."
            ) from error

    async def install(self, python: Path, *locks: Path) -> None:
        """Into an environment of `make_environment`.

        :raises InstallFailed:
        """
        if self.uv is not None:
            await self._uv_install("--python", python, *_requirements(locks))
        else:
            await self._pip_install(python, *_requirements(locks))

    async def install_into(self, folder: Path, *locks: Path) -> None:
        """As plain files, outside of any environment.

        :raises InstallFailed:
        """
        if self.uv is not None:
            await self._uv_install("--python", self.base, "--target", folder, *_requirements(locks))
            return
        tools = folder.with_name(f"{folder.name}-pip")
        try:  # the base may have no pip of its own
            await self.make_environment(tools)
            await self._pip_install(tools / "bin" / "python", "--target", folder, *_requirements(locks))
        finally:
            shutil.rmtree(tools, ignore_errors=True)

    async def _uv_install(self, *arguments: str | Path) -> None:
        options = ("--quiet", "--index-strategy", "unsafe-best-match", *_ONLY_LOCKED)
        await self._run([self.uv or "uv", "pip", "install", *options, *arguments])

    async def _pip_install(self, python: Path, *arguments: str | Path) -> None:
        options = ("--quiet", "--disable-pip-version-check", "--no-compile", *_ONLY_LOCKED)
        await self._run([python, "-I", "-m", "pip", "install", *options, *arguments])

    async def _run(self, argv: Sequence[str | Path]) -> None:
        code, said = await _finish(argv, self.env)
        if code != 0:
            words = " ".join(said.split())[-_SHOWN:]
            raise InstallFailed(
                f"Packages for the local Triton could not be installed: {words or f'{argv[0]} ended with {code}'}. "
                "Behind a proxy or a mirror, set HTTPS_PROXY or PIP_INDEX_URL."
            )


async def output_of(argv: Sequence[str | Path]) -> str:
    """:raises InstallFailed: when the program ends with an error."""
    code, said = await _finish(argv, dict(os.environ))
    if code != 0:
        raise InstallFailed(f"{argv[0]} does not start; repair it or take it off PATH.")
    return said


async def _pip_setting(base: Path, name: str) -> str:
    code, said = await _finish([base, "-I", "-m", "pip", "config", "get", name], dict(os.environ))
    return " ".join(said.split()) if code == 0 else ""


async def _finish(argv: Sequence[str | Path], env: Mapping[str, str]) -> tuple[int, str]:
    """The exit code, and all that was said. Whatever ends the wait, nothing of it keeps running."""
    child = await asyncio.create_subprocess_exec(
        *argv, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return child.returncode or 0, said.decode(errors="replace")


def _requirements(locks: Sequence[Path]) -> list[str | Path]:
    return [part for lock in locks for part in ("-r", lock)]
