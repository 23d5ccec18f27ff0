"""Run tests and say for each which lines it executed and how it failed. Loaded by worker.py.

The tests run in forked copies of a process that has collected them, each test with a time limit of its own, so
that one which loops or leaves costs only itself.
"""

import json
import os
import signal
import sys
import time

_GRACE = 3.0  # seconds beyond a test's limit until its process is killed
_TEXT_LIMIT = 6000  # characters of a failure's text


FAILURES = ("failed", "error", "timeout")


class Expired(BaseException):
    """Raised inside a test at its time limit, so that its traceback shows where it was."""


def run(config, send, load):
    """`stages`: [name, pytest arguments], of which one is run only when a test of the one before it failed;
    `skip`: tests that the first stage has; `first`: paths whose tests go first; `limit`: seconds for a test;
    `seconds`: for all of them.
    """
    session, forks, lines, plugin = load("session"), load("forks"), load("lines"), load("plugin")
    blocked = session.prepare(load)
    deadline = time.monotonic() + config["seconds"]
    failed = []

    for place, (name, arguments) in enumerate(config["stages"]):
        if place and not failed:
            break
        send({"event": "stage", "stage": name})

        def work(say, arguments=arguments, skip=config["skip"] if place else ""):
            tell = lambda record: say(json.dumps(record).encode())  # noqa: E731
            stage = Stage(config, skip, deadline, forks, lines, plugin, tell)
            stage.run(session, arguments, blocked)

        children = iter([("", forks.Child(work, max(0.0, deadline - time.monotonic()) + config["limit"] + 2 * _GRACE))])

        def on_line(_, line, name=name):
            record = json.loads(line)
            if record.get("outcome") in FAILURES:
                failed.append(record["id"])
            send(dict(record, stage=name))

        forks.pool(lambda children=children: next(children, None), 1, on_line, lambda *_: None, lambda: False)


class Stage:
    """One pytest session, in a process of its own: collects, then runs its tests in forks of itself."""

    def __init__(self, config, skip, deadline, forks, lines, plugin, tell):
        self.config, self.skip, self.deadline = config, skip, deadline
        self.forks, self.lines, self.plugin, self.tell = forks, lines, plugin, tell
        self.facts = {}

    def run(self, session, arguments, blocked):
        found = lambda _, facts: self.facts.update(facts)  # noqa: E731
        code = session.host(arguments, blocked, self.on_items, self.on_collect_error, found)
        self.tell({"event": "pytest", "code": code})

    def on_items(self, items, run_test):
        items[:] = [item for item in items if not selected(item.nodeid, self.skip)]
        self.tell({"event": "tests", "ids": [item.nodeid for item in items]})
        self.tell({"event": "modules", "names": outside_modules(os.getcwd())})
        first = {path: place for place, path in enumerate(self.config["first"])}
        items.sort(key=lambda item: first.get(item.nodeid.partition("::")[0], len(first)))
        at = 0
        while at < len(items) and time.monotonic() < self.deadline:
            at += self.batch(items[at:], run_test)

    def on_collect_error(self, report):
        text = self.plugin.text_of(report)[-_TEXT_LIMIT:]
        self.tell(record_of(report.nodeid, "error", 0.0, {}, {"text": text}))

    def batch(self, items, run_test):
        """Run tests in one forked process until it ends; how many tests are dealt with."""
        done, current = [0], [""]
        limit = self.config["limit"]

        def work(say):
            tracer = self.lines.tracer(os.getcwd())
            observe(items, run_test, tracer, self.facts, self.plugin, say, limit, self.deadline)

        child = self.forks.Child(work, limit + _GRACE)
        children = iter([("", child)])

        def on_line(_, line):
            record = json.loads(line)
            child.deadline = time.monotonic() + limit + _GRACE
            if record["event"] == "begin":
                current[0] = record["id"]
                return
            done[0] += 1
            current[0] = ""
            self.tell(record)

        def on_end(_, timed_out, status, seconds):
            if current[0]:
                outcome = "timeout" if timed_out else "error"
                text = "the test was stopped" if timed_out else "the test ended its process"
                self.tell(record_of(current[0], outcome, seconds, {}, {"text": text}))
                done[0] += 1

        self.forks.pool(lambda: next(children, None), 1, on_line, on_end, lambda: False)
        return max(1, done[0])


def observe(items, run_test, tracer, facts, plugin, say, limit, deadline):
    """In the forked child: the tests one after the other."""

    def expire(number, frame):
        raise Expired("the test did not end within %g s" % limit)

    signal.signal(signal.SIGALRM, expire)
    for place, item in enumerate(items):
        if time.monotonic() > deadline:
            return
        say(json.dumps({"event": "begin", "id": item.nodeid}).encode())
        facts.clear()
        signal.setitimer(signal.ITIMER_REAL, limit)
        tracer.begin()
        started = time.perf_counter()
        try:
            reports, seconds = run_test(item, items[place + 1] if place + 1 < len(items) else None)
        except Expired:
            reports, seconds = [], time.perf_counter() - started
        finally:
            seen = tracer.end()
            signal.setitimer(signal.ITIMER_REAL, 0)
        outcome, report = plugin.judge(reports) if reports else ("timeout", None)
        found = {}
        if outcome in FAILURES:
            found = dict(facts, text=plugin.text_of(report)[-_TEXT_LIMIT:] if report is not None else "")
            if found.get("raised") == "Expired":
                outcome = "timeout"
        say(json.dumps(record_of(item.nodeid, outcome, seconds, seen, found)).encode())


def record_of(test, outcome, seconds, seen, failure):
    return {
        "event": "observed",
        "id": test,
        "outcome": outcome,
        "seconds": round(seconds, 5),
        "lines": {path: runs(sorted(lines)) for path, lines in seen.items()},
        "failure": failure,
    }


def selected(test, selection):
    """Whether a test is what a node id, a file or a folder means."""
    selection = selection.rstrip("/")
    return bool(selection) and (
        test == selection or test.startswith((selection + "::", selection + "[", selection + "/"))
    )


def runs(numbers):
    """`[3, 4, 5, 9]` as `[3, 5, 9, 9]`: first and last of each run."""
    found = []
    for number in numbers:
        if found and number == found[-1] + 1:
            found[-1] = number
        else:
            found += [number, number]
    return found


def outside_modules(root):
    """Modules that the tests imported from outside the workspace."""
    found = []
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        spec = getattr(module, "__spec__", None)
        if path and spec is not None and not str(path).startswith(root + os.sep) and name != "__main__":
            found.append(name)
    return found
