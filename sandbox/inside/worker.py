"""A process that runs tests, or replays calls, beside code that may be hostile. Python 3.8 and later.

The supervisor calls `prepare` once and then forks for each phase, so the interpreter, its environment and the
test library are loaded once. Nothing of the workspace is imported before the parts that judge it are in place:
no start-up hook, no shadowed module, no plugin of the candidate.
What a worker finds out goes to the supervisor at once, each report authenticated; a report that was sent
cannot be taken back, and one that was forged does not authenticate.
"""

import _thread
import atexit
import hashlib
import importlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import types

_REPORTS = 3  # the file descriptor the supervisor opened


# Imported before any file of the workspace, so that no module of the same name can stand in for them.
_EARLY = """
    _pytest.assertion.rewrite _pytest.doctest _pytest.monkeypatch _pytest.python _pytest.runner _pytest.skipping
    _pytest.unittest argparse ast asyncio collections contextlib copy csv dataclasses datetime decimal difflib
    doctest enum fractions functools glob hashlib heapq importlib.metadata inspect io itertools json logging math
    numbers operator pathlib pickle pluggy pprint pytest queue random re shutil signal socket sqlite3 statistics
    string struct subprocess tempfile textwrap threading time traceback typing unittest unittest.async_case
    unittest.mock uuid warnings weakref xml.etree.ElementTree zipfile
""".split()  # noqa: SIM905 - a list of sixty strings reads worse


def prepare(lent):
    """Enter the project's environment and load the test library; returns why that failed, or an empty text."""
    enter_environment(lent)
    missing = ""
    for name in _EARLY:
        try:
            importlib.import_module(name)
        except ImportError as error:
            if name == "pytest":
                missing = "pytest cannot be imported: %s" % error
    if not missing:
        load_plugins()
    return missing


def load_plugins():
    """Import the environment's pytest plugins once, by a session without tests: each phase is forked from here.

    Loading them costs up to a second, far more than most test files take. pytest itself must import them, so
    that their assertions are rewritten as usual.
    """
    import pytest

    folder = tempfile.mkdtemp()
    options = load_apart(os.path.dirname(os.path.abspath(__file__)), "blocked").options()
    before, out = os.getcwd(), sys.stdout
    sys.stdout = io.StringIO()
    try:
        os.chdir(folder)
        pytest.main(["--collect-only", "-q", "--capture=no", "--rootdir=" + folder, *options, folder])
    finally:
        sys.stdout = out
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    """Run one phase in a process that the supervisor has forked and made somebody else's. Never returns."""
    with os.fdopen(0, "rb", closefd=False) as file:
        config = json.loads(file.read())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    send = sender(bytes.fromhex(config.pop("key")))
    here = os.path.dirname(os.path.abspath(__file__))
    load = lambda name: load_apart(here, name)  # noqa: E731
    random.seed()
    sys.argv[:] = [""]
    load(config["mode"]).run(config, send, load)
    sys.stdout.flush()
    send({"event": "finished"})
    # Exit hooks may still leave traces that the next run should meet, but they have nothing more to say here.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(2)
    atexit._run_exitfuncs()
    os._exit(0)


def sender(key):
    """A function that reports one record. The key lives on in the C state of the hash alone."""
    base = hashlib.blake2b(key=key, digest_size=16)
    del key
    lock = _thread.allocate_lock()
    write, dumps, fd, count = os.write, json.dumps, _REPORTS, [0]

    def send(record):
        payload = dumps(record).encode()
        with lock:
            digest = base.copy()
            digest.update(b"%d " % count[0])
            digest.update(payload)
            count[0] += 1
            data = digest.hexdigest().encode() + b" " + payload + b"\n"
            while data:
                data = data[write(fd, data) :]

    return send


def load_apart(here, name):
    """Import one of our own files without entering it in sys.modules, where the candidate could look it up."""
    module = types.ModuleType("_" + os.urandom(4).hex())
    path = os.path.join(here, name + ".py")
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), module.__dict__)
    return module


def enter_environment(lent):
    """What `site` does at start-up, without sitecustomize and usercustomize."""
    import site

    site.execsitecustomize = site.execusercustomize = lambda: None
    site.ENABLE_USER_SITE = False
    site.main()
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry and os.path.abspath(entry) != here]
    if lent:
        sys.path.append(lent)


if __name__ == "__main__":  # a fresh interpreter, for what must never have seen a test library
    enter_environment(None)
    main()
