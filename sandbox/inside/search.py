"""Try many candidates against the failing tests, in forked copies of a warm process. Loaded by worker.py.

A process imports the project and collects the tests once. Forked copies of it swap the changed functions in
place, run the tests and swap back, some dozens of candidates each, since a fork costs more than most tests. One
that passes is tried again in a fork of its own; one that loops or leaves costs its fork, and the others of its batch
go on in the next. What changes code that runs at import time is tried last: forked from a process that has
imported only what lies outside the workspace.

Results are a filter, not evidence: whoever asked verifies the winners elsewhere.
"""

import collections
import gc
import importlib
import json
import os
import resource
import signal
import sys
import time

_MEMORY = 512 << 20  # bytes of address space that a candidate may add
_PROCESSES = 32  # of all candidates together; each takes some 40 MB when it writes much
_PLAIN = ["--assert=plain"]  # nobody reads why an assertion failed
_BATCH = 60  # candidates in one forked process
_AFTER = 8.0  # seconds that the search goes on after the first that passed
_PARTS = 3  # how much further the search goes after a candidate that only fixes a part
_DEAR = 40  # candidates after the best that passed for which a fresh import is still made
_ALONE = 60  # candidates tried again, each alone, when none passed in a batch
_ROUNDS = (150, 600)  # where one round of candidates ends and the next begins
_RELOADED = 40  # fresh imports in a round that is not the last
_RECORDED = 20  # tests whose calls are recorded beside the failing ones
_RECORDING = 8.0  # seconds for that, and for what each candidate that passes answers
_GRACE = 2.0  # seconds beyond a limit until a process that does not heed it is killed
_IMPORT_GRACE = 20.0  # seconds to import and collect, in the second stage


def run(config, send, load):
    """`candidates`: [path, [[start, end, text]...], group]; `targets`: ids; `groups`: lists of ids that should go on
    passing; `limit`: seconds for the targets of a candidate; `more`: seconds for its group; `seconds`: for the
    search; `enough`: how many may pass; `beyond`: how many candidates are tried after the first that passes;
    `width`: how many processes at once.
    """
    tools = {name: load(name) for name in ("session", "forks", "swap", "state", "agree", "record", "replay")}
    tools["blocked"] = tools["session"].prepare(load)
    tools["plugin"] = load("plugin")
    for name in config["modules"]:
        try:
            importlib.import_module(name)
        except BaseException:  # a module that wants to be imported by its own package first, or exits
            pass
    search = Search(config, send, **tools)
    for some in search.rounds():
        search.swapped(some)
        search.reloaded(_RELOADED if some.stop < len(config["candidates"]) else None)
        if search.is_over(some.stop):
            break
    send({"event": "searched", "tried": search.tried, "seconds": round(time.monotonic() - search.started, 3)})


BROKEN = ("failed", "error")


class Expired(BaseException):
    """Raised inside a candidate at its time limit."""


class Search:
    def __init__(self, config, send, session, forks, swap, state, agree, record, replay, plugin, blocked):
        self.config, self.send = config, send
        self.session, self.forks, self.swap, self.plugin, self.blocked = session, forks, swap, plugin, blocked
        self.state = state
        self.agree, self.record, self.replay = agree, record, replay
        self.started = time.monotonic()
        self.deadline = self.started + config["seconds"]
        self.tried = 0
        self.ready = False
        self.passed = set()
        self.parts = set()
        self.first = None
        self.again = set()
        self.done = set()
        self.root = os.getcwd()
        self.before = {}

    def rounds(self):
        """The likeliest first, both stages of them: what needs a fresh import is not left to the very end."""
        count = len(self.config["candidates"])
        edges = [edge for edge in _ROUNDS if edge < count] + [count]
        return [range(first, last) for first, last in zip([0] + edges, edges)]

    def is_over(self, at):
        """Whether nothing from this candidate on is worth trying."""
        return self.expired() or len(self.passed) >= self.config["enough"] or self.is_late() or at > self.last()

    def swapped(self, some):
        """The first stage, in a child of this process, which stays clean for the second."""
        self.ready = False
        seconds = max(0.0, self.deadline - time.monotonic())
        children = iter([("", self.forks.Child(lambda say: self.serve(say, some), seconds + 5))])
        take = lambda _, line: self.take(json.loads(line))  # noqa: E731
        self.forks.pool(lambda: next(children, None), 1, take, lambda *_: None, lambda: False)
        if not self.ready:  # the tests could not be collected, or that process died before it began
            self.again.update(some)

    def serve(self, say, order):
        """In the child: collect once, then fork for each batch."""

        def on_items(items, run_test):
            self.session.quicken(items)
            tests = self.tests(items)
            if tests is None:
                return  # they cannot be collected: every candidate needs a fresh import
            loaded = self.swap.Loaded({path for path, _, _ in self.config["candidates"]})
            state = self.state.State(self.root)
            gc.collect()
            gc.freeze()  # a collection in a child would touch, and so copy, every page
            say(json.dumps({"ready": round(time.monotonic() - self.started, 3)}).encode())

            def work(index):
                path, splices, _ = self.config["candidates"][index]
                full, after = os.path.join(self.root, path), self.text_of(path, splices)
                override = self.swap.Override(full, after)
                undo = loaded.swap(full, self.before[path], after)
                try:
                    return self.judge(index, tests, run_test)
                finally:
                    loaded.restore(undo)
                    override.remove()
                    state.restore()

            take = lambda record: say(json.dumps(record).encode())  # noqa: E731
            self.supervise(order, work, _BATCH, 0.0, take)
            if not self.passed and not self.parts:  # perhaps one was in the way of the next
                self.supervise(order[:_ALONE], work, 1, 0.0, lambda record: take(dict(record, alone=True)))
            if len(self.passed) > 1 and not self.expired():
                take(dict(self.agreement(sorted(self.passed), loaded, tests, run_test), event="agreement"))

        self.session.host(self.config["args"], self.blocked, on_items, extra=_PLAIN)

    def agreement(self, passed, loaded, tests, run_test):
        """Which of the candidates that pass answer alike on more inputs, and where they differ."""
        changed, said = {}, {}
        for index in passed:
            path, splices, _ = self.config["candidates"][index]
            full = os.path.join(self.root, path)
            try:
                undo = loaded.swap(full, self.text_before(path), self.text_of(path, splices))
            except self.swap.Reload:  # passed after a fresh import, in an earlier round
                continue
            loaded.restore(undo)
            changed.update((id(function), function) for function, _ in undo)
        functions = list(changed.values())
        groups = [self.config["groups"][self.config["candidates"][index][2]] for index in passed]
        chosen = [item for test in self.config["targets"] for item in tests[test]]
        chosen += [item for group in groups[:1] for test in group[:_RECORDED] for item in tests.get(test, ())]

        def record(say):
            recorder = self.record.Recorder(self.agree.watch_of(functions), lambda call: say(json.dumps(call).encode()))
            for item, following in pairs(chosen):
                recorder.begin()
                try:
                    run_test(item, following)
                finally:
                    recorder.end()

        calls = [json.loads(line) for line in self.said_by(record, _RECORDING)]
        made = self.agree.inputs(calls, self.replay)

        for index in passed if made else ():
            path, splices, _ = self.config["candidates"][index]
            # One that needs a fresh import ends its child, and is left out of the comparison.

            def answer(say, path=path, splices=splices):
                loaded.swap(os.path.join(self.root, path), self.text_before(path), self.text_of(path, splices))
                say(json.dumps(self.agree.answers(made, self.replay)).encode())

            lines = self.said_by(answer, _RECORDING)
            if lines:
                said[index] = json.loads(lines[0])
        groups, differences = self.agree.compared(said, made)
        return {"groups": {str(index): group for index, group in groups.items()}, "differences": differences}

    def said_by(self, work, seconds):
        """The lines of a child of its own."""
        lines = []
        child = self.forks.Child(lambda say: (limit_resources(), work(say)), seconds)
        children = iter([("", child)])
        self.forks.pool(
            lambda: next(children, None), 1, lambda _, line: lines.append(line), lambda *_: None, self.expired
        )
        return lines

    def reloaded(self, most):
        """The second stage: candidates that need a fresh import, the best first; the rest waits for the next round."""

        def work(index):
            path, splices, _ = self.config["candidates"][index]
            self.swap.Override(os.path.join(self.root, path), self.text_of(path, splices))
            found = []

            def on_items(items, run_test):
                self.session.quicken(items)
                tests = self.tests(items)
                if tests is not None:
                    found.append(self.judge(index, tests, run_test))

            self.session.host(self.config["args"], self.blocked, on_items, extra=_PLAIN)
            return found[0] if found else {"result": "failed"}

        order = sorted(self.again)[:most]
        self.again.difference_update(order)
        self.first = time.monotonic() if self.passed else None
        if self.passed:  # a fresh import is dear: only for what was thought about as likely as the best that passed
            order = [index for index in order if index < min(self.passed) + _DEAR]
        self.supervise(order, work, 1, _IMPORT_GRACE, self.take)

    def supervise(self, order, work, size, grace, take):
        """Try candidates in batches of up to `size` until there is enough; each ends with exactly one record."""
        waiting = collections.deque(order)
        batches = {}
        limit = self.config["limit"] + grace
        patience = limit + _GRACE

        def start():
            batch = []
            last = self.last()
            while waiting and len(batch) < size and waiting[0] <= last:
                if waiting[0] in confirm:
                    if not batch:
                        batch.append(waiting.popleft())
                    break
                batch.append(waiting.popleft())
            if not batch:
                return None
            for index in batch:
                self.text_before(self.config["candidates"][index][0])
            child = self.forks.Child(lambda say: self.batch(batch, work, limit, say), patience)
            batches[child.pid] = (batch, child)
            return child.pid, child

        confirm = set()

        def on_line(name, line):
            batch, child = batches[name]
            try:
                record = json.loads(line)
                if "goes_on" in record:
                    child.deadline = time.monotonic() + self.config["more"] + _GRACE
                    return
                index = record["index"]
                batch.remove(index)
            except (ValueError, KeyError, TypeError):
                return  # written by the candidate
            child.deadline = time.monotonic() + patience
            if record["result"] == "partial":
                self.parts.add(index)
            if record["result"] == "passed":
                if size > 1 and index not in confirm:
                    confirm.add(index)
                    waiting.appendleft(index)
                    return
                self.passed.add(index)
                self.first = self.first or time.monotonic()
            take(record)

        def on_end(name, timed_out, status, seconds):
            batch, _ = batches.pop(name)
            if batch and not should_stop():
                ended = "timeout" if timed_out else "crash"
                take({"index": batch[0], "result": ended, "fixed": 0})
                waiting.extendleft(reversed(batch[1:]))

        def should_stop():
            return self.expired() or len(self.passed) >= self.config["enough"] or self.is_late()

        self.forks.pool(start, self.config["width"], on_line, on_end, should_stop)

    def batch(self, batch, work, limit, say):
        """In a child: one candidate after the other; whatever goes wrong with one is its result."""

        late, self.say = [], say

        def expire(number, frame):
            late.append(True)
            raise Expired

        signal.signal(signal.SIGALRM, expire)
        limit_resources()
        for index in list(batch):
            del late[:]
            started = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, limit)
            try:
                record = work(index)
            except self.swap.Reload:
                record = {"result": "reload"}
            except SyntaxError:
                record = {"result": "invalid"}
            except Expired:
                record = {"result": "timeout"}
            except BaseException:
                record = {"result": "crash"}
            signal.setitimer(signal.ITIMER_REAL, 0)
            if late:  # the test library takes it for a failure of the test
                record = {"result": "timeout"}
            record.update(index=index, seconds=round(time.perf_counter() - started, 5))
            say(json.dumps(record).encode())

    def is_late(self):
        """Whether the first that passed was long ago: the rest of the time is for whoever verifies it."""
        return self.first is not None and time.monotonic() - self.first > _AFTER

    def last(self):
        """The last candidate worth trying, given what passed so far."""
        if self.passed:
            return min(self.passed) + self.config["beyond"]
        if self.parts:  # a part is worth less, and something may still pass as a whole
            return min(self.parts) + _PARTS * self.config["beyond"]
        return len(self.config["candidates"])

    def expired(self):
        return time.monotonic() > self.deadline

    def take(self, record):
        if "ready" in record:
            self.ready = True
            self.send({"event": "ready", "seconds": record["ready"]})
            return
        if record.get("event") == "agreement":
            self.send(record)
            return
        index = record["index"]
        if record["result"] == "reload":
            self.again.add(index)
            return
        if index not in self.done:
            self.done.add(index)
            self.tried += 1
        elif record["result"] != "passed":
            return  # tried again alone, and no better
        if record["result"] == "passed":
            self.passed.add(index)
            self.first = self.first or time.monotonic()
        self.send(dict(record, event="tried"))

    def tests(self, items):
        """Tests by id, and those of a file that could not be collected by its path; None when a target is missing."""
        found = {item.nodeid: [item] for item in items}
        for target in self.config["targets"]:
            if target not in found:
                found[target] = [item for item in items if item.nodeid.startswith(target + "::")]
        return found if all(found[target] for target in self.config["targets"]) else None

    def judge(self, index, tests, run_test):
        """The failing tests first, up to the first that fails; then those that pass so far."""
        targets = [item for test in self.config["targets"] for item in tests[test]]
        group = self.config["groups"][self.config["candidates"][index][2]]
        others = [item for test in group for item in tests.get(test, ())]
        fixed = ran = 0
        result, stopped_by = "passed", ""
        for item, following in pairs(targets):
            reports, _ = run_test(item, following, lambda found: self.plugin.judge(found)[0] != "passed")
            ran += 1
            if self.plugin.judge(reports)[0] != "passed":
                result, stopped_by = "partial" if fixed else "failed", item.nodeid
                break
            fixed += 1
        if fixed:
            self.say(b'{"goes_on": true}')
            signal.setitimer(signal.ITIMER_REAL, self.config["more"])
        for item, following in pairs(others if fixed else []):
            reports, _ = run_test(item, following, lambda found: self.plugin.judge(found)[0] in BROKEN)
            ran += 1
            if self.plugin.judge(reports)[0] in BROKEN:
                result, stopped_by = "broke", item.nodeid
                break
        return {"result": result, "fixed": fixed, "ran": ran, "by": stopped_by}

    def text_before(self, path):
        if path not in self.before:
            with open(os.path.join(self.root, path), "rb") as file:
                self.before[path] = file.read()
        return self.before[path]

    def text_of(self, path, splices):
        text = self.text_before(path)
        for start, end, new in sorted(splices, reverse=True):
            text = text[:start] + new.encode() + text[end:]
        return text


def pairs(items):
    """Each item with the one after it, the last with None."""
    return list(zip(items, items[1:] + [None]))


def limit_resources():
    """So that a candidate which eats memory or forks without end ends alone, and not the sandbox with it."""
    try:
        with open("/proc/self/statm") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + _MEMORY, size + _MEMORY))
        resource.setrlimit(resource.RLIMIT_NPROC, (_PROCESSES, _PROCESSES))
    except (OSError, ValueError):
        pass  # a lower limit is in force already


assert sys.version_info >= (3, 8)
