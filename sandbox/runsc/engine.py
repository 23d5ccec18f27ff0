"""How runsc is called: the one place that knows its command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.runsc.cgroup import Cgroups

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""All that runsc itself sees: nothing of this process's environment, so no key can leak through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One way of calling runsc: found to work, or being tried."""

    binary: Path
    version: str
    """For example 0.0~20240729.0."""
    platform: str
    """systrap or ptrace. Never kvm: /dev/kvm may exist where it cannot work, and runsc then hangs."""
    rootless: bool
    flags: frozenset[str]
    """The names of the global flags this binary knows."""
    setpriv: Path | None
    """Ties the sandbox's life to ours; without it a sandbox outlives a killed server until the next start."""
    unshare: Path | None
    """Makes the user namespace of the rootless mode."""
    cgroups: Cgroups | None

    def run(self, *, root: Path, bundle: Path, name: str) -> list[str]:
        """Create, start, wait for and delete one container. Its logs go where the guest cannot reach."""
        logs = [f"--log={bundle / 'log'}", "--log-format=json", f"--panic-log={bundle / 'panic'}"]
        tie = [str(self.setpriv), "--pdeathsig", "KILL", "--"] if self.setpriv else []
        return [*self._namespace(), *tie, *self._base(root), *logs, "run", f"--bundle={bundle}", name]

    def kill(self, *, root: Path, name: str) -> list[str]:
        """End what runs in a container; its `run` then cleans up after itself and ends too."""
        return [*self._namespace(), *self._base(root), "kill", "--all", name, "KILL"]

    def described(self) -> str:
        """For receipts and `assay doctor`."""
        user = "rootless" if self.rootless else "root"
        limits = f"cgroup v{self.cgroups.version} limits" if self.cgroups else "no cgroup limits"
        return f"runsc {self.version}, {self.platform}, {user}, {limits}"

    def _namespace(self) -> list[str]:
        return [str(self.unshare), "--user", "--map-root-user", "--"] if self.rootless else []

    def _base(self, root: Path) -> list[str]:
        # --overlay2=all:memory is spelled the same in every release; its default differs between them.
        base = [str(self.binary), f"--root={root}", f"--platform={self.platform}", "--network=none"]
        base.append("--overlay2=all:memory")
        if "directfs" in self.flags:
            base.append("--directfs=false")  # with directfs the sentry itself would open the host's files
        if self.rootless:
            base.append("--rootless")
        if self.cgroups is None:
            base.append("--ignore-cgroups")
        return base
