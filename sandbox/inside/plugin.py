"""The pytest plugin that turns a run into reports. Loaded by tests.py."""

import sys
import time

import pytest
from _pytest.runner import runtestprotocol

_MESSAGE_LIMIT = 4000  # characters of a failure's text


class Current:
    """Which test runs now, and what its own code raised, as seen closest to it."""

    def __init__(self):
        self.id = ""
        self.raised = self.spawned = False


def build(config, send, trace, integrity, on_collected):
    current = Current()

    class Hooks:
        @pytest.hookimpl(tryfirst=True)
        def pytest_load_initial_conftests(self):
            integrity.begin()

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(self, items):
            yield
            if config.get("only"):
                only = set(config["only"])
                items[:] = [item for item in items if item.nodeid in only]
            if config.get("reverse"):
                items.reverse()

        def pytest_collection_finish(self, session):
            on_collected()
            ids = [item.nodeid for item in session.items]
            send({"event": "collected", "ids": ids, "threads": len(sys._current_frames())})

        def pytest_collectreport(self, report):
            if report.failed or report.skipped:
                outcome = "error" if report.failed else "skipped"
                send({"event": "collect", "id": report.nodeid, "outcome": outcome, "message": text_of(report)})

        @pytest.hookimpl(hookwrapper=True, trylast=True)
        def pytest_runtest_call(self, item):
            outcome = yield
            current.raised = outcome.excinfo is not None

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(self, item, nextitem):
            current.id, current.raised, current.spawned = item.nodeid, False, False
            send({"event": "begin", "id": item.nodeid})
            started = time.perf_counter()
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            trace.begin()
            try:
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
            finally:
                touched, intact = trace.end()
            seconds = time.perf_counter() - started
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            outcome, report = judge(reports)
            path, line = place(report, item) if report is not None else (None, None)
            send(
                {
                    "event": "outcome",
                    "id": item.nodeid,
                    "outcome": outcome,
                    "seconds": round(seconds, 5),
                    "touched": touched,
                    "traced": intact,
                    "spawned": current.spawned,
                    "rewritten": current.raised and outcome == "passed",
                    "altered": integrity.altered(),
                    "doctest": type(item).__name__ == "DoctestItem",
                    "path": path,
                    "line": line,
                    "message": text_of(report) if report is not None else "",
                }
            )
            return True

    current.hooks = Hooks()
    return current


def judge(reports):
    """One word for a test from the reports of its phases, and the report that decided it."""
    for report in reports:
        if report.failed:
            return ("failed" if report.when == "call" else "error"), report
    for report in reports:
        if report.skipped:
            return ("xfailed" if hasattr(report, "wasxfail") else "skipped"), report
    if not any(report.when == "call" and report.passed for report in reports):
        return "error", None
    return ("xpassed" if any(hasattr(report, "wasxfail") for report in reports) else "passed"), None


def place(report, item):
    """Where in the test's own file the failure happened: (path, 0-based line) or (None, None)."""
    entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", [])
    found = None
    for entry in entries:
        spot = getattr(entry, "reprfileloc", None)
        if spot is not None:
            name = item.location[0].replace("\\", "/")
            if str(spot.path).replace("\\", "/").endswith(name):
                found = (item.location[0], spot.lineno - 1)
    return found or (item.location[0], item.location[1])


def text_of(report):
    longrepr = getattr(report, "longrepr", None)
    if isinstance(longrepr, tuple):  # skipped: path, line, reason
        return str(longrepr[-1])[:_MESSAGE_LIMIT]
    text = getattr(report, "longreprtext", "") or str(longrepr or "")
    return text.encode("utf-8", "replace").decode()[-_MESSAGE_LIMIT:]


assert sys.version_info >= (3, 8)
