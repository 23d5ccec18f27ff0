"""A pytest session that stops after collection and hands its tests over. Loaded by observe.py and search.py.

Nothing found out here is evidence: it only says where to look, and what is found is judged apart from it.
"""

import os
import re
import sys
import time


def prepare(load):
    """Import pytest and set the path; compiled files go to /tmp. Returns the plugins that are not wanted."""
    import pytest  # noqa: F401

    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.path.join(os.environ.get("TMPDIR", "/tmp"), "assay-pycache-%d" % os.getuid())
    root = os.getcwd()
    sys.path[:0] = [root] + [path for path in [os.path.join(root, "src")] if os.path.isdir(path)]
    return load("blocked").NAMES


def quicken(items):
    """Failures without their long texts, which cost more than most tests do."""
    for item in items:
        item.repr_failure = item._repr_failure_py = lambda excinfo, *args, **kwargs: ""


def host(arguments, blocked, on_items, on_collect_error=None, on_failure=None, extra=None):
    """Collect, then call `on_items(items, run)`, where `run(item, nextitem)` gives `(reports, seconds)`."""
    import pytest
    from _pytest.runner import runtestprotocol

    compared, found, facts = [], [], []

    class Hooks:
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session):
            on_items(list(session.items), run)
            return True

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(self, item, nextitem):
            found[:] = runtestprotocol(item, log=False, nextitem=nextitem)
            return True

        def pytest_collectreport(self, report):
            if report.failed and on_collect_error:
                on_collect_error(report)

        def pytest_assertrepr_compare(self, config, op, left, right):
            compared.append((op, left, right))

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(self, item, call):
            outcome = yield
            if on_failure and call.excinfo is not None and not facts and outcome.get_result().failed:
                facts.append(facts_of(call.excinfo, compared, os.getcwd()))

    def run(item, nextitem, is_last=lambda outcome: False):
        """`is_last` says of the reports whether the next item will not be run after all."""
        del compared[:], found[:], facts[:]
        started = time.perf_counter()
        item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        seconds = time.perf_counter() - started
        if facts:
            on_failure(item, facts[0])
        if nextitem is not None and is_last(found):
            settle(item.session)
        return list(found), seconds

    arguments = list(arguments) + (extra or []) + ["--capture=sys"]
    for name in blocked:
        arguments += ["-p", "no:" + name]
    return int(pytest.main(arguments, plugins=[Hooks()]))


def settle(session):
    """Tear down what was kept for a next test, which will not come."""
    state = session._setupstate
    try:
        state.teardown_exact(None)
    except TypeError:  # pytest 6
        state.teardown_exact(None, None)
    except Exception:
        pass  # a fixture's own clean-up failed; its test has been judged


def facts_of(excinfo, compared, root):
    """What an exception tells: its class, where it came from, which values were compared."""
    error = excinfo.value
    message = safe(lambda: str(error), "")[:2000]
    frames = []
    for entry in excinfo.traceback:
        path = str(entry.path)
        if path.startswith(root + os.sep):
            frames.append([os.path.relpath(path, root), entry.lineno + 1])
    wanted = []
    for _, left, right in compared[-1:]:
        wanted += [text for text in map(literal, (right, left)) if text]
    for found in re.findall(r"^(?:AssertionError: )?(.{1,200}?) != (.{1,200}?)(?: : .*)?$", message, re.M):
        wanted += [text for text in found if is_literal(text)]
    raised = type(error).__name__
    unmet = re.search(r"DID NOT RAISE \W*(?:class ')?([\w.]+)", message) or re.match(r"(\w+) not raised", message)
    return {
        "raised": raised,
        "message": message,
        "frames": frames[-40:],
        "wanted": wanted,
        "missing": missing_name(error, message),
        "should_raise": unmet.group(1).rpartition(".")[2] if unmet else "",
    }


def missing_name(error, message):
    name = getattr(error, "name", None)
    if isinstance(error, (AttributeError, NameError)):
        if isinstance(name, str):
            return name
        found = re.search(r"attribute '(\w+)'|name '(\w+)'|variable '(\w+)'", message)
        return next((group for group in found.groups() if group), "") if found else ""
    if isinstance(error, KeyError) and error.args:
        return literal(error.args[0])
    return ""


def literal(value):
    text = safe(lambda: repr(value), "")
    return text if is_literal(text) else ""


def is_literal(text):
    import ast

    if not text or len(text) > 200 or "\n" in text:
        return False
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return False
    return True


def safe(work, default):
    try:
        return work()
    except Exception:
        return default
