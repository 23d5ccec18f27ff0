"""Run tests with pytest and report each outcome as it comes. Loaded by worker.py, after the test library."""

import os
import sys

import pytest


def run(config, send, load):
    root = os.getcwd()
    sys.path[:0] = [root] + [path for path in [os.path.join(root, "src")] if os.path.isdir(path)]
    if config.get("record"):
        trace = load("record").Recorder(config["watch"], send)
    else:
        trace = load("trace").tracer(config["watch"])
    integrity = load("integrity").Integrity()
    jump = load("clock").installed() if config.get("clock_ahead") else lambda: None
    plugin = load("plugin").build(config, send, trace, integrity, jump)
    if "control" in config:
        sys.modules["_assay_control"] = load("control").module(
            send, plugin, frozenset(config["control"]), load("replay").describe
        )
    if config.get("traceless"):
        hide_test_runner()
    load("watchdog").watch(root + os.sep, config["changed"], config["data"], send, plugin)
    code = pytest.main(config["args"] + load("blocked").options(), plugins=[plugin.hooks])
    send({"event": "altered", "names": integrity.altered()})
    send({"event": "pytest", "code": int(code)})


def hide_test_runner():
    """No name of a test runner in the environment or the arguments, where code could look for it."""
    import _pytest.runner

    _pytest.runner._update_current_test_var = lambda item, when: None
    os.environ.pop("PYTEST_VERSION", None)
    environ = os.environ

    class Environ(type(environ)):
        def __setitem__(self, key, value):
            if not key.startswith("PYTEST_"):
                super().__setitem__(key, value)

    environ.__class__ = Environ
