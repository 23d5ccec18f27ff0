"""Runs inside the sandbox as user 0 with three capabilities, and starts a worker as the user of argv[1].

Prints one JSON object: what the worker managed, and what the supervisor still can.
"""

import ctypes
import errno
import json
import os
import pathlib
import resource
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH = 16
PIPE = 9
ROOM = pathlib.Path("/room")


def checked(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def outcome(act):
    try:
        return f"ok {act()!r}"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)


def capabilities():
    lines = pathlib.Path("/proc/self/status").read_text().split("\n")
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return {name: int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapInh")}


class IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def read_memory(pid):
    buffer = ctypes.create_string_buffer(8)
    here, there = IoVec(ctypes.addressof(buffer), 8), IoVec(id(ROOM), 8)
    return checked(libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))


def work(boss):
    """Every way to get at the supervisor and what it guards; then what must still be possible."""
    return {
        "user": outcome(lambda: (os.getresuid(), os.getresgid(), os.getgroups())),
        "capabilities": outcome(capabilities),
        "become root": outcome(lambda: os.setuid(0)),
        "become another": outcome(lambda: os.setuid(1000)),
        "trace": outcome(lambda: checked(libc.ptrace(PTRACE_ATTACH, boss, 0, 0))),
        "signal": outcome(lambda: os.kill(boss, signal.SIGKILL)),
        "signal everybody": outcome(lambda: os.kill(-1, signal.SIGKILL)),
        "its memory": outcome(lambda: read_memory(boss)),
        "its memory file": outcome(lambda: pathlib.Path(f"/proc/{boss}/mem").read_bytes()),
        "its output": outcome(lambda: pathlib.Path(f"/proc/{boss}/fd/1").write_text("FORGED\n")),
        "its pipe": outcome(lambda: pathlib.Path(f"/proc/{boss}/fd/{PIPE}").read_bytes()),
        "its limits": outcome(lambda: resource.prlimit(boss, resource.RLIMIT_NOFILE, (3, 3))),
        "its private file": outcome((ROOM / "private").read_text),
        "write its file": outcome(lambda: (ROOM / "guarded").write_text("forged")),
        "delete its file": outcome((ROOM / "guarded").unlink),
        "rename its file": outcome(lambda: (ROOM / "guarded").rename(ROOM / "gone")),
        "write the host's file": outcome(lambda: (ROOM / "from-host").write_text("forged")),
        "delete the host's file": outcome((ROOM / "from-host").unlink),
        "create beside it": outcome(lambda: (ROOM / f"mine-{os.getuid()}").write_text("mine")),
        "replace in a closed folder": outcome(lambda: (ROOM / "closed/guarded").write_text("forged")),
        "create in a closed folder": outcome(lambda: (ROOM / "closed/new").write_text("forged")),
        "move into a closed folder": outcome(lambda: (ROOM / f"mine-{os.getuid()}").replace(ROOM / "closed/guarded")),
        # Known to succeed in gVisor, against Linux: see docs/sandbox.md.
        "replace in a sticky folder": outcome(
            lambda: (ROOM / f"mine-{os.getuid()}").replace(ROOM / "replaceable").name
        ),
    }


def start(user, act):
    """A worker as `user`, with its answer read from a pipe."""
    answers, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(answers)
        os.close(PIPE)
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        os.write(answer, json.dumps(act(os.getppid())).encode())
        os._exit(0)
    os.close(answer)
    with os.fdopen(answers, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(said)


def main(user):
    os.dup2(os.pipe()[0], PIPE)
    (ROOM / "closed").mkdir(mode=0o755)
    for name in ("guarded", "replaceable", "closed/guarded"):
        (ROOM / name).write_text("guarded")
    (ROOM / "private").touch(mode=0o600)
    report = {"worker": start(user, work)}
    report["guarded"] = (ROOM / "guarded").read_text() + (ROOM / "closed/guarded").read_text()
    sleeper = os.fork()
    if sleeper == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        os.write(1, b"")
        signal.pause()
    while int(pathlib.Path(f"/proc/{sleeper}/status").read_text().split("Uid:\t")[1].split()[0]) != user:
        pass
    os.kill(sleeper, signal.SIGKILL)
    report["killed the worker with"] = os.waitstatus_to_exitcode(os.waitpid(sleeper, 0)[1])
    print(json.dumps(report))


if __name__ == "__main__":
    main(int(sys.argv[1]))
