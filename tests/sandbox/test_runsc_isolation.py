"""What code in the sandbox cannot reach: files, network, kernel and other processes of the host."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.ports import Mount, Status
from sandbox.runsc.engine import Engine
from sandbox.runsc.home import Home
from sandbox.runsc.runner import RunscRunner
from tests.sandbox.guest import Guest

GUEST_PROGRAM = Path(__file__).with_name("isolation_guest.py")
SECRET = "the-secret-of-the-host"

NO_ROUTE = {"EHOSTUNREACH", "ENETUNREACH", "ECONNREFUSED"}
NO_WRITING = {"EACCES", "EROFS", "EPERM", "ENOENT"}
DENIED = {"EPERM", "EACCES"}
NO_SUCH_CALL = {"ENOSYS", "EPERM", "EINVAL", "EFAULT", "ENODEV", "EOPNOTSUPP", "ENOTSUP"}
NOT_THERE = {"ENOENT"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A Python expression of the guest, and the outcomes that are allowed."""

    name: str
    code: str
    allowed: set[str]


ATTEMPTS = [
    # files of the host
    Attempt("the host's passwords", "read('/etc/shadow')", NOT_THERE),
    Attempt("a file of the host's /tmp", "read('{secret}')", NOT_THERE),
    Attempt("the host's home folders", "os.listdir('/home')", NOT_THERE),
    Attempt("upwards out of the workspace", "read('/workspace/../../../../etc/shadow')", NOT_THERE),
    Attempt("a link in the workspace to the host", "read('/workspace/link-to-shadow')", NOT_THERE),
    Attempt("a link in the workspace to the host's secret", "read('/workspace/link-to-secret')", NOT_THERE),
    Attempt("host paths in the mount table", "b'{folder}' in read('/proc/mounts')", {"ok False"}),
    Attempt("writing in /usr", "write('/usr/bin/x')", NO_WRITING),
    Attempt("writing in /etc", "write('/etc/passwd')", NO_WRITING),
    Attempt("writing in /", "write('/x')", NO_WRITING),
    Attempt("writing in a read-only mount", "write('/readonly/x')", NO_WRITING),
    Attempt("deleting in a read-only mount", "os.unlink('/readonly/kept')", NO_WRITING),
    Attempt("a device node", "(os.mknod('/tmp/d', 0o060666, os.makedev(8, 0)), read('/tmp/d'))", DENIED | {"ENXIO"}),
    Attempt("physical memory", "read('/dev/mem')", NOT_THERE),
    Attempt("the virtualiser", "read('/dev/kvm')", NOT_THERE),
    # network
    Attempt("a service on the host's loopback", "tcp('127.0.0.1', {port})", NO_ROUTE),
    Attempt("a service on the host's loopback, IPv6", "tcp('::1', {port})", NO_ROUTE | {"EADDRNOTAVAIL"}),
    Attempt("the metadata service", "tcp('169.254.169.254', 80)", NO_ROUTE),
    Attempt("a public address, TCP", "tcp('192.0.2.1', 80)", NO_ROUTE),
    Attempt("a public address, UDP", "udp('192.0.2.1', 53)", NO_ROUTE),
    Attempt("a public address, IPv6", "tcp('2001:db8::1', 80)", NO_ROUTE | {"EADDRNOTAVAIL"}),
    Attempt("a name", "socket.getaddrinfo('example.invalid', 80)", {"gaierror", "EAI_AGAIN", "EPERM", "ESRCH"}),
    Attempt("raw packets", "opened(socket.AF_INET, socket.SOCK_RAW, 1)", DENIED),
    Attempt("link-layer packets", "opened(socket.AF_PACKET, socket.SOCK_RAW)", DENIED),
    Attempt("the hypervisor's sockets", "opened(socket.AF_VSOCK, socket.SOCK_STREAM)", {"EAFNOSUPPORT"}),
    Attempt("an abstract socket of the host", "unix('\\0{abstract}')", {"ECONNREFUSED"}),
    Attempt("a socket file of the host", "unix('/workspace/socket')", {"ECONNREFUSED", "EPERM", "ENOENT", "ENXIO"}),
    Attempt("a server of one's own", "loopback()", {"ok b'pong'"}),
    # privileges and kernel
    Attempt("becoming root", "os.setuid(0)", {"EPERM", "EINVAL"}),
    Attempt("gaining privileges by exec", "status('NoNewPrivs')", {"ok '1'", "StopIteration"}),
    Attempt("capabilities", "int(status('CapEff'), 16) | int(status('CapBnd'), 16)", {"ok 0"}),
    Attempt("mounting", "checked(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))", DENIED),
    Attempt("unmounting", "checked(libc.umount2(b'/usr', 2))", DENIED),
    Attempt("changing the root", "os.chroot('/tmp')", DENIED),
    Attempt("pivot_root", "syscall('pivot_root', 0, 0)", NO_SUCH_CALL | DENIED),
    Attempt("another namespace", "syscall('setns', 0, 0)", NO_SUCH_CALL | DENIED | {"EBADF"}),
    Attempt("bpf", "syscall('bpf', 0, 0, 0)", NO_SUCH_CALL),
    Attempt("kexec", "syscall('kexec_load', 0, 0, 0, 0)", NO_SUCH_CALL),
    Attempt("kernel modules", "syscall('init_module', 0, 0, 0)", NO_SUCH_CALL),
    Attempt("io_uring", "syscall('io_uring_setup', 1, 0)", NO_SUCH_CALL),
    Attempt("userfaultfd", "syscall('userfaultfd', 0)", NO_SUCH_CALL),
    Attempt("perf", "syscall('perf_event_open', 0, 0, -1, -1, 0)", NO_SUCH_CALL),
    Attempt("kernel keys", "syscall('add_key', 0, 0, 0, 0, -3)", NO_SUCH_CALL | DENIED),
    Attempt("reboot", "syscall('reboot', 0, 0, 0, 0)", NO_SUCH_CALL),
    Attempt("the clock", "syscall('settimeofday', 0, 0)", NO_SUCH_CALL),
    Attempt("the core pattern", "write('/proc/sys/kernel/core_pattern', '|/x')", NO_WRITING),
    Attempt("sysrq", "write('/proc/sysrq-trigger', 'b')", NO_WRITING),
    Attempt("control groups", "write('/sys/fs/cgroup/memory/x')", NO_WRITING),
    # other processes
    Attempt("processes of the host", "sorted(p for p in os.listdir('/proc') if p.isdigit())", {"ok ['1']"}),
    Attempt("the host's name", "os.uname().nodename", {"ok 'sandbox'"}),
    # secrets
    Attempt("the environment", "sorted(os.environ)", {"ok ['HOME', 'LANG', 'PATH']"}),  # gVisor adds HOME
    Attempt("the server's secret in any environment", "b'{marker}' in read('/proc/1/environ')", {"ok False"}),
    Attempt("host paths on the command line", "b'{folder}' in read('/proc/1/cmdline')", {"ok False"}),
]


@dataclass(frozen=True, slots=True)
class Host:
    """Things that are really there on the host, to be reached for."""

    values: dict[str, str]
    workspace: Path
    readonly: Path


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    secret = folder / "secret"
    secret.write_text(SECRET)
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "link-to-shadow").symlink_to("/etc/shadow")
    (workspace / "link-to-secret").symlink_to(secret)
    readonly = folder / "readonly"
    readonly.mkdir(mode=0o777)
    readonly.chmod(0o777)
    (readonly / "kept").write_text("kept")
    abstract = f"assay-test-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        named.bind(str(workspace / "socket"))
        named.listen()
        (workspace / "socket").chmod(0o777)
        hidden.bind(f"\0{abstract}")
        hidden.listen()
        values = {
            "secret": str(secret),
            "folder": str(folder),
            "port": str(tcp.getsockname()[1]),
            "abstract": abstract,
            "marker": SECRET,
        }
        yield Host(values, workspace, readonly)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(engine: Engine, host: Host, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every attempt, made in one sandbox."""
    table = json.dumps({attempt.name: attempt.code for attempt in ATTEMPTS})
    for name, value in host.values.items():
        table = table.replace(f"{{{name}}}", value)
    runner = RunscRunner(engine, Home.open(tmp_path_factory.mktemp("state")))
    os.environ["ASSAY_TEST_SECRET"] = SECRET
    try:
        result = await Guest(runner).python(
            GUEST_PROGRAM.read_text(),
            arguments=(table,),
            mounts=(
                Mount(source=host.workspace, target="/workspace", writable=True),
                Mount(source=host.readonly, target="/readonly"),
            ),
        )
    finally:
        del os.environ["ASSAY_TEST_SECRET"]
        await runner.close()
    assert result.status is Status.OK, result
    return json.loads(result.stdout)


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
async def test_cannot_reach(attempt: Attempt, outcomes: dict[str, str]) -> None:
    assert outcomes[attempt.name] in attempt.allowed


async def test_the_host_is_as_it_was(outcomes: dict[str, str], host: Host) -> None:
    assert (host.readonly / "kept").read_text() == "kept"
    assert sorted(path.name for path in host.readonly.iterdir()) == ["kept"]
    assert sorted(path.name for path in host.workspace.iterdir()) == ["link-to-secret", "link-to-shadow", "socket"]
