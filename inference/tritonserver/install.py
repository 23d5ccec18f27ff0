"""Putting the server, and an environment for its models, into a folder: from the package index, checked by hashes.

The models' environment is one of its own, with NumPy 1: the server's Python backend, of release 24.10, answers wrongly
with NumPy 2. For the same reason it takes Python 3.11 or 3.12, for which there is a NumPy 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, cast

from inference.tritonserver.errors import InstallFailed
from inference.tritonserver.packages import Installer, output_of

Extra = Literal["", "transformers"]
"""Beside what the embedder needs: `transformers` and PyTorch, for models of the Hugging Face format."""

PYTHONS = ("3.11", "3.12")

_LOCKS = Path(__file__).parent
_SERVER = ("requirements-server.lock",)
_MODELS = ("requirements-models.lock",)
_TRANSFORMERS = ("requirements-transformers.lock", "requirements-torch-cpu.lock")
_TRANSFORMERS_WITH_GPU = ("requirements-torch.lock",)
_STUB = "triton_python_backend_stub"
_MARK = "installed.json"  # written last; without it a folder is no installation
_POLL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    server: Path
    """The program."""
    backends: Path
    caches: Path
    python: Path
    """Of the models' environment; its folder must come first on the server's PATH."""
    libraries: Path
    """Where that Python's shared library is."""


def installed(root: Path, *, extra: Extra = "") -> Installation | None:
    """What `install` made there before, or None when there is nothing, or not what this version of Assay installs."""
    try:
        mark: Any = json.loads((root / _MARK).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(mark, dict):
        return None
    fields = cast("dict[str, object]", mark)
    if fields.get("locks") != _locks() or extra not in ("", fields.get("extra")):
        return None
    found = _installation(root, Path(str(fields.get("libraries"))))
    return found if found.server.is_file() and found.python.exists() else None


async def install(root: Path, progress: Callable[[str], None], *, extra: Extra = "") -> Installation:
    """Make `root` an installation, unless it is one. Safe to call at once from several processes, and to interrupt.

    :param root: an absolute path; what was there before is replaced once the new one is whole.
    :raises InstallFailed:
    """
    if found := installed(root, extra=extra):
        return found
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise InstallFailed(
            f"The server's package is for Linux on x86-64, not {sys.platform} on {platform.machine()}; "
            "run Triton elsewhere and set its url."
        )
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        async with _alone(root, progress):
            if found := installed(root, extra=extra):  # another process was faster
                return found
            return await _install(root, progress, extra)
    except OSError as error:
        raise InstallFailed(f"{root} cannot be written ({error.strerror}); free space or choose another.") from error


async def _install(root: Path, progress: Callable[[str], None], extra: Extra) -> Installation:
    for left in root.parent.glob(f".{root.name}-new-*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    base = await _python()
    new = Path(tempfile.mkdtemp(prefix=f".{root.name}-new-", dir=root.parent))
    try:
        libraries = await _fill(new, base, progress, extra)
        mark: Mapping[str, object] = {"locks": _locks(), "extra": extra, "libraries": str(libraries)}
        (new / _MARK).write_text(json.dumps(mark))
        _replace(root, new)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return _installation(root, libraries)


async def _fill(new: Path, base: Path, progress: Callable[[str], None], extra: Extra) -> Path:
    """:returns: the folder of Python's shared library."""
    installer = await Installer.at_hand(base)
    progress("getting the Triton Inference Server, 55 MB")
    await installer.install_into(new / "dist", *(_LOCKS / name for name in _SERVER))
    made = _installation(new, Path())
    script = "import sys, sysconfig; print(*sys.version_info[:2], sep='.'); print(sysconfig.get_config_var('LIBDIR'))"
    version, libraries = (await output_of([base, "-I", "-c", script])).split("\n")[:2]
    # A copy, as the libraries that come along are found from where it lies.
    stub = made.backends / "python" / _STUB
    shutil.copy2(made.backends.parent / "python_backend_stubs" / version / _STUB, stub)
    await _check_stub(stub, Path(libraries), version)
    progress("making the environment of the models")
    await installer.make_environment(new / "venv")
    if extra == "transformers":
        await _install_torch(installer, made.python, progress)
    else:
        await installer.install(made.python, *(_LOCKS / name for name in _MODELS))
    return Path(libraries)


async def _install_torch(installer: Installer, python: Path, progress: Callable[[str], None]) -> None:
    progress("getting transformers and PyTorch for the CPU, 300 MB")
    try:
        await installer.install(python, *(_LOCKS / name for name in _TRANSFORMERS))
    except InstallFailed:
        progress(
            "getting PyTorch with everything for GPUs, 3 GB, as no package index that is configured has the build for "
            "the CPU alone"
        )
        await installer.install(python, *(_LOCKS / name for name in _TRANSFORMERS_WITH_GPU))


async def _python() -> Path:
    """The Python that runs this, where models can run on it, else the first on PATH on which they can."""
    own = ".".join(map(str, sys.version_info[:2]))
    if own in PYTHONS:
        return Path(getattr(sys, "_base_executable", "") or sys.executable)
    for version in PYTHONS:
        for found in filter(None, [shutil.which(f"python{version}")]):
            with contextlib.suppress(InstallFailed):
                script = "import sys; print(getattr(sys, '_base_executable', sys.executable))"
                return Path((await output_of([Path(found), "-I", "-c", script])).strip())
    raise InstallFailed(
        f"The models of the local Triton run on Python {' or '.join(PYTHONS)}, and this is {own}; "
        f"install Python {PYTHONS[-1]} so that `python{PYTHONS[-1]}` is on PATH."
    )


async def _check_stub(stub: Path, libraries: Path, version: str) -> None:
    """The stub without arguments complains of that; what misses a library does not get so far (rc 127, ld.so(8))."""
    child = await asyncio.create_subprocess_exec(
        stub,
        env={"LD_LIBRARY_PATH": str(libraries)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await child.communicate()
    if child.returncode == 127 and b"libpython" in said:
        raise InstallFailed(
            f"Triton needs libpython{version}.so.1.0, which comes with this Python's package on most systems; "
            f"on Debian: apt-get install libpython{version}."
        )
    if child.returncode == 127:
        words = said.decode(errors="replace").strip()[-200:]
        raise InstallFailed(f"Triton's program for Python models does not start here: {words}.")


def _replace(root: Path, new: Path) -> None:
    if root.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{root.name}-new-", dir=root.parent))
        root.rename(old / "old")
        new.rename(root)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.rename(root)


def _installation(root: Path, libraries: Path) -> Installation:
    server = root / "dist" / "pytriton" / "tritonserver"
    return Installation(
        server=server / "bin" / "tritonserver",
        backends=server / "backends",
        caches=server / "caches",
        python=root / "venv" / "bin" / "python",
        libraries=libraries,
    )


def _locks() -> str:
    """Changes with what is installed: an older installation then counts as none."""
    return blake2b(b"".join(path.read_bytes() for path in sorted(_LOCKS.glob("*.lock"))), digest_size=8).hexdigest()


@contextlib.asynccontextmanager
async def _alone(root: Path, progress: Callable[[str], None]) -> AsyncGenerator[None]:
    with (root.parent / f".{root.name}.lock").open("a") as file:
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    progress("waiting for another process that installs Triton")
                waiting = True
                await asyncio.sleep(_POLL)
        yield
