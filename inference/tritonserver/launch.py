"""Starting and stopping a server over a model repository."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from inference.tritonserver.errors import ServerFailed
from inference.tritonserver.http import ask
from inference.tritonserver.install import Installation

_EXIT_SECONDS = 5  # that the server gives its models to end
_KILL_AFTER = 12.0  # seconds; measured: three with a Python model, eight with eight of them
_POLL = 0.05
_SHM = Path("/dev/shm")  # noqa: S108 where shm_open(3) puts its regions
_TAIL = 16_384  # bytes of a log that are searched for the reason of an end

# PR_SET_PDEATHSIG (1) with SIGTERM, in a program between us and the server, as code between fork and exec is not safe
# in a process with threads. Who became an orphan before it was set has another parent by then.
_GUARD = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(1); os.execve(sys.argv[2], sys.argv[2:], os.environ)"
)


class TritonServer:
    """A server that runs. Who launched it stops it; it leaves nothing behind then."""

    def __init__(
        self, process: subprocess.Popen[bytes], *, ports: tuple[int, int, int], log: Path, region_prefix: str
    ) -> None:
        self._process = process
        self.http, self.grpc, self.metrics = ports
        self.log = log
        self.region_prefix = region_prefix

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs. One that runs may still be stuck: only an inference tells."""
        return self._process.poll() is None

    async def wait_until_answering(self, seconds: float) -> None:
        """Until it says that it and its models are ready; what the models do, only an inference tells.

        :raises ServerFailed: when it ends before, or does not become ready in time.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            if not self.is_alive():
                raise ServerFailed(f"Triton ended while it started: {_reason(self.log)}; see {self.log}.")
            with contextlib.suppress(ServerFailed):
                if (await ask(self.http, "/v2/health/ready", seconds=1.0)).status == 200:
                    return
            await asyncio.sleep(_POLL)
        raise ServerFailed(f"Triton was not ready within {seconds:g} s: {_reason(self.log)}; see {self.log}.")

    async def stop(self, *, hard: bool = False) -> None:
        """Until the server, its models' processes and their shared memory are gone.

        :param hard: at once, as when it is stuck; else it finishes what runs, for a few seconds.
        """
        try:
            if not hard and self.is_alive():
                self._process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    await asyncio.to_thread(self._process.wait, _KILL_AFTER)
        finally:
            self.kill()

    def kill(self) -> None:
        """At once, without waiting for a loop."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # the stubs are in its group
        self._process.wait()
        sweep(self.region_prefix)


def launch(
    installation: Installation,
    repository: Path,
    models: Sequence[str],
    *,
    log: Path,
    extra: Sequence[str] = (),
    grpc_port: int = 0,
    auto_complete: bool = False,
    env: Mapping[str, str] | None = None,
    die_with_parent: bool = True,
) -> TritonServer:
    """Start a server with these models of the repository, on free ports of 127.0.0.1.

    :param log: what it says is added to this file.
    :param extra: further options of the server.
    :param grpc_port: 0 for a free one.
    :param auto_complete: let models complete their configuration; those of the repository here need not.
    :param env: beside what the server and its models are given anyway; they see nothing else of ours.
    :param die_with_parent: it ends with the calling *thread*, however that ends.
    :raises OSError: when the program or the log cannot be opened.
    """
    # Port 0 is not taken by the server. Where another process is faster, it ends, and says so.
    http, metrics, free = free_ports(3)
    grpc = grpc_port or free
    region_prefix = f"assay{secrets.token_hex(6)}_"
    options = [
        f"--model-repository={repository}",
        f"--backend-directory={installation.backends}",
        f"--cache-directory={installation.caches}",
        "--model-control-mode=explicit",
        *(f"--load-model={model}" for model in models),
        *(() if auto_complete else ("--disable-auto-complete-config",)),
        f"--http-port={http}",
        f"--grpc-port={grpc}",
        f"--metrics-port={metrics}",
        *(f"--{service}-address=127.0.0.1" for service in ("http", "grpc", "metrics")),
        "--allow-gpu-metrics=false",
        "--pinned-memory-pool-byte-size=0",
        f"--exit-timeout-secs={_EXIT_SECONDS}",
        f"--backend-config=python,shm-region-prefix-name={region_prefix}",
        *extra,
    ]
    argv: list[str] = [str(installation.server), *options]
    if die_with_parent:
        argv = [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid()), *argv]
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv,
            env={**_environment(installation), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return TritonServer(process, ports=(http, grpc, metrics), log=log, region_prefix=region_prefix)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nothing listens now."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            found.append(listener.getsockname()[1])
    return found


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was used a moment ago is free
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def kill_left(pid: int, region_prefix: str) -> None:
    """End a server whose supervisor was killed, if that is who has this process id now, and sweep up after it."""
    if not region_prefix:
        return
    with contextlib.suppress(OSError):
        if region_prefix.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.killpg(pid, signal.SIGKILL)
    sweep(region_prefix)


def sweep(region_prefix: str) -> None:
    """Remove the shared memory that a killed server left, 1 MB for each of its models."""
    for region in _SHM.glob(f"{region_prefix}*"):
        region.unlink(missing_ok=True)


def _environment(installation: Installation) -> dict[str, str]:
    """All that the server and its models see. The stub takes its packages by the first Python on PATH."""
    return {
        "PATH": f"{installation.python.parent}:/usr/bin:/bin",
        "LD_LIBRARY_PATH": str(installation.libraries),
        "HOME": os.environ.get("HOME", "/nonexistent"),
        "LC_ALL": "C.UTF-8",
        "ORT_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _reason(log: Path) -> str:
    """The last error in a log, for a sentence."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return "its log cannot be read"
    errors = [line for line in lines if line.startswith("E") or "error:" in line.lower()]
    found = (errors or lines or ["it said nothing"])[-1]
    return "".join(letter for letter in found.split("] ", 1)[-1] if letter.isprintable())[:300].rstrip(". ")
