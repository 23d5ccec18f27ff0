"""The first process inside the sandbox: starts each phase as another user and passes on what is authentic.

Runs on the project's Python, 3.8 and later, standard library only, as `python -I -S supervisor.py JOB`.
It is user 0 with leave to change user and to kill; the phases run as unprivileged users, which can neither
signal it, nor trace it, nor open its files, so its stdout (the runner's pipe) is out of their reach.

A phase of kind "worker" is forked from this process once that has loaded the test library of the project's
environment (never a file of the workspace). It gets its configuration and a fresh key on stdin and reports on
a pipe in lines `DIGEST JSON`, where DIGEST is a keyed BLAKE2b (RFC 7693) over a running number and the JSON.
A line that does not authenticate was written by somebody else: it is reported as such and its content dropped.
"""

import hashlib
import hmac
import json
import os
import select
import signal
import sys
import time
import traceback

OUTPUT_KEPT = 200_000  # bytes of a phase's own stdout and stderr, the end of it
LINE_LIMIT = 4 << 20  # bytes of one report
CALLS_LIMIT = 8 << 20  # bytes of recorded calls handed from one phase to later ones


def main(job_path):
    with open(job_path, "rb") as file:
        job = json.load(file)
    worker = load_worker(job)
    calls, touching = [], set()
    for phase in job["phases"]:
        phase["worker"] = worker
        run_phase(phase, calls, touching)
    emit({"event": "end"})
    sys.stdout.flush()
    os._exit(0)  # daemons that a phase left behind end with the sandbox


def replaced(paths):
    """Which files are no longer the owner's. Folders are open, so that tests may create files; the owner of a
    file cannot be forged."""
    found = []
    for path in paths:
        try:
            if os.lstat(path).st_uid != 0:
                found.append(path)
        except OSError:
            found.append(path)
    return found[:20]


def load_worker(job):
    """The worker module, ready to fork; None when every phase is a program of its own."""
    if not any(phase["kind"] == "worker" for phase in job["phases"]):
        return None
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import worker

    missing = worker.prepare(job["lent"])
    if missing:
        emit({"event": "unprepared", "message": missing})
    return worker


def emit(record):
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def run_phase(phase, calls, touching):
    started = time.monotonic()
    name = phase["name"]
    emit({"phase": name, "event": "start"})
    config = dict(phase.get("config") or {})
    if phase["replays"]:
        config["calls"] = calls
    if config.get("only_touching"):
        config["only"] = sorted(touching)
    process = Child(phase)
    key = os.urandom(32)  # made after the fork, so that it is not in the memory that the phase inherits
    config["key"] = key.hex()
    process.pending = json.dumps(config).encode() if phase["kind"] == "worker" else b""
    reports = Reports(name, key, calls, touching)
    timed_out = not process.pump(started + phase["timeout"], reports.feed)
    status = process.end(timed_out)
    emit(
        {
            "phase": name,
            "event": "exit",
            "status": status,
            "timed_out": timed_out,
            "seconds": round(time.monotonic() - started, 4),
            "forged": reports.forged,
            "replaced": replaced(phase["guarded"]),
            "stdout": process.output[0].decode("utf-8", "replace"),
            "stderr": process.output[1].decode("utf-8", "replace"),
        }
    )


class Reports:
    """Splits the report pipe into lines, authenticates each, and forwards it."""

    def __init__(self, phase, key, calls, touching):
        self.phase, self.key, self.calls, self.touching = phase, key, calls, touching
        self.number = self.forged = self.kept = 0
        self.rest = b""

    def feed(self, data):
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()[:LINE_LIMIT]
        for line in lines:
            self.take(line)

    def take(self, line):
        digest, _, payload = line.partition(b" ")
        message = b"%d " % self.number + payload
        expected = hashlib.blake2b(message, key=self.key, digest_size=16).hexdigest().encode()
        if not hmac.compare_digest(digest, expected):
            self.forged += 1
            return
        self.number += 1
        record = json.loads(payload)
        if record["event"] == "call":
            self.kept += len(payload)
            if self.kept <= CALLS_LIMIT:
                self.calls.append(record)
            return
        if record["event"] == "outcome" and record["touched"]:
            self.touching.add(record["id"])
        record["phase"] = self.phase
        emit(record)


class Child:
    """One phase's process, as its own user, in its own session."""

    def __init__(self, phase):
        stdin_read, self.stdin = os.pipe()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        report_read, report_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            start(phase, stdin_read, out_write, err_write, report_write)
        for fd in (stdin_read, out_write, err_write, report_write):
            os.close(fd)
        self.output = [b"", b""]
        self.pending = b""
        self.reads = {out_read: 0, err_read: 1, report_read: 2}
        self.status = None
        os.set_blocking(self.stdin, False)

    def pump(self, deadline, feed):
        """Move bytes until the process has ended and its pipes are drained; False at the deadline."""
        grace = None
        while True:
            now = time.monotonic()
            if self.status is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.status = status
                    grace = now + 0.5  # a child it left may hold the pipes open: do not wait for it
            if self.status is not None and (not self.reads or now > grace):
                return True
            if now > deadline:
                return False
            writes = [self.stdin] if self.stdin is not None else []
            ready, writable, _ = select.select(list(self.reads), writes, [], 0.02)
            if self.status is not None and not ready:
                return True
            for fd in ready:
                self.read(fd, feed)
            if writable:
                self.write()

    def read(self, fd, feed):
        data = os.read(fd, 1 << 16)
        where = self.reads[fd]
        if not data:
            os.close(fd)
            del self.reads[fd]
        elif where == 2:
            feed(data)
        else:
            self.output[where] = (self.output[where] + data)[-OUTPUT_KEPT:]

    def write(self):
        try:
            self.pending = self.pending[os.write(self.stdin, self.pending[: 1 << 16]) :] if self.pending else b""
        except OSError:
            self.pending = b""
        if not self.pending:
            os.close(self.stdin)
            self.stdin = None

    def end(self, timed_out):
        """Kill whatever the phase left behind, so that nothing of it is alive in the next one."""
        try:
            os.kill(-1, signal.SIGKILL)  # everybody but the caller; the caller is process 1
        except OSError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                break
            if pid == self.pid:
                self.status = status
        for fd in self.reads:
            os.close(fd)
        if self.stdin is not None:
            os.close(self.stdin)
        if self.status is None or timed_out:
            return None
        return -os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else os.WEXITSTATUS(self.status)


def start(phase, stdin, stdout, stderr, report):
    """In the forked child: become the phase. Never returns."""
    try:
        os.setsid()
        for fd, target in ((stdin, 0), (stdout, 1), (stderr, 2)):
            os.dup2(fd, target)
        keep = 3
        os.dup2(report, keep)
        os.closerange(keep + 1, 256)
        if phase["kind"] != "worker":
            os.close(keep)
        else:
            os.set_inheritable(keep, True)
        os.setgroups([])
        os.setgid(phase["user"])
        os.setuid(phase["user"])
        os.umask(0o022)
        os.chdir(phase["cwd"])
        if phase["kind"] == "worker" and not phase["fresh"]:
            os.environ.clear()
            os.environ.update(phase["env"])
            phase["worker"].main()
        os.execve(phase["argv"][0], phase["argv"], phase["env"])
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(126)


if __name__ == "__main__":
    main(sys.argv[1])
