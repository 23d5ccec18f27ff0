"""Forked children with time limits that report lines on a pipe. Loaded by observe.py and search.py."""

import os
import select
import signal
import time

_CHUNK = 1 << 16
_LINE_LIMIT = 1 << 20  # bytes of one line; what a child says beyond that is dropped

# Descriptors that a new child must not keep: the supervisor's pipe, its parent's, and those of its siblings.
_held = {3}


class Child:
    """A forked copy of this process that runs `work(say)`; `say` sends one line of bytes to the parent."""

    def __init__(self, work, seconds):
        read, write = os.pipe()
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            become(work, write)
        os.close(write)
        _held.add(read)
        self.fd, self.rest = read, b""
        self.deadline = self.started + seconds

    def lines(self):
        """What it has said since the last call, or None when it has closed its end."""
        data = os.read(self.fd, _CHUNK)
        if not data:
            return None
        parts = (self.rest + data).split(b"\n")
        self.rest = parts.pop()[:_LINE_LIMIT]
        return parts

    def end(self):
        """Kill it with its children, and return how it ended as `os.waitpid` says."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except OSError:
                pass
        _held.discard(self.fd)
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


def become(work, fd):
    """In the forked child: do the work and leave without the clean-up of the interpreter."""
    try:
        os.setsid()
        for held in _held:
            try:
                os.close(held)
            except OSError:
                pass
        _held.clear()
        _held.add(fd)
        write, get_pid, pid = os.write, os.getpid, os.getpid()

        def say(line):
            if get_pid() != pid:
                return  # a fork of the test's own that came back here
            data = line + b"\n"
            while data:
                data = data[write(fd, data) :]

        work(say)
    except BaseException:
        os._exit(70)
    os._exit(0)


def pool(start, width, on_line, on_end, should_stop):
    """Keep up to `width` children running. `start()` gives the next `(name, Child)`, or None when there is none now;
    what a child says or how it ends may make another necessary, so it is asked again until none runs.

    `on_line(name, line)` gets what they say; `on_end(name, timed_out, status, seconds)` comes once for each.
    """
    running = {}
    while True:
        while len(running) < width and not should_stop():
            started = start()
            if started is None:
                break
            name, child = started
            running[child.fd] = (name, child)
        if not running:
            return
        now = time.monotonic()
        nearest = min(child.deadline for _, child in running.values())
        ready, _, _ = select.select(list(running), [], [], max(0.0, min(nearest - now, 1.0)))
        for fd in ready:
            name, child = running[fd]
            said = child.lines()
            for line in said or ():
                on_line(name, line)
            if said is None:
                finish(running, fd, False, on_end)
        now = time.monotonic()
        stop = should_stop()
        for fd in [fd for fd, (_, child) in running.items() if stop or now > child.deadline]:
            finish(running, fd, True, on_end)


def finish(running, fd, timed_out, on_end):
    name, child = running.pop(fd)
    status = child.end()
    on_end(name, timed_out, status, time.monotonic() - child.started)
