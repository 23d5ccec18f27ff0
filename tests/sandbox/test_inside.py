"""The supervisor and its workers, put to the test by phases that do not play by the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.job import JobResult, Phase, PhaseResult, Record, run_job
from sandbox.plan import worker_phase
from sandbox.ports import UNPRIVILEGED, Limits, Mount, Status
from sandbox.runsc.runner import RunscRunner
from sandbox.scratch import Scratch
from sandbox.testrun import tree_mounts
from tests.sandbox.trees import own_python, project_at

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENDER = """
import hashlib, json, os, sys
config = json.loads(sys.stdin.buffer.read())
key = bytes.fromhex(config.pop("key"))
def line(number, key=key, **record):
    payload = json.dumps(record).encode()
    digest = hashlib.blake2b(b"%d " % number + payload, key=key, digest_size=16).hexdigest()
    return digest.encode() + b" " + payload + b"\\n"
def send(data):
    os.write(3, data)
"""
FORGER = (
    SENDER
    + """
send(line(0, event="said", what="first", phase="somebody else"))
send(line(0, event="said", what="first"))
send(b"garbage\\n")
send(b"\\xff\\x00 {}\\n")
send(line(1, key=b"guessed", event="said", what="forged"))
send(line(1, event="said", what="second"))
send(line(5, event="said", what="too early"))
send(line(2, event="said", what="third"))
send(b"x" * 1000 + line(3, event="said", what="behind garbage"))
"""
)
TELLER = (
    SENDER
    + """
send(line(0, event="call", module="m", name="f", args=""))
send(line(1, event="outcome", id="touching", touched=[["m.py", "f"]]))
send(line(2, event="outcome", id="apart", touched=[]))
"""
)
LISTENER = SENDER + 'send(line(0, event="given", config=config))'
LEAVER = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
        open("/tmp/left", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists("/tmp/left"): time.sleep(0.01)
print("left", flush=True)
time.sleep(0.05)
"""
LOOKER = """
import os
pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
print(sorted(set(pids) - {1, os.getpid()}), open("/tmp/left").read() != "")
"""
CURIOUS = """
import json, os
def attempt(act):
    try: return repr(act())
    except OSError as error: return type(error).__name__
print(json.dumps({
    "job": attempt(lambda: open("/assay/job.json").read()),
    "rewrite": attempt(lambda: open("/assay/worker.py", "w")),
    "add": attempt(lambda: open("/assay/json.py", "w")),
    "signal": attempt(lambda: os.kill(1, 9)),
    "memory": attempt(lambda: open("/proc/1/mem", "rb").read(1)),
    "stdout": attempt(lambda: open("/proc/1/fd/1", "wb")),
    "root": attempt(lambda: os.setuid(0)),
    "reports": attempt(lambda: os.write(3, b"x")),
    "user": os.getuid(), "groups": os.getgroups(), "environment": dict(os.environ), "cwd": os.getcwd(),
}))
"""
VANDAL = """
import os
def attempt(act):
    try: act()
    except OSError as error: print(type(error).__name__)
attempt(lambda: open("kept.py", "w"))
attempt(lambda: os.unlink("kept.py"))
attempt(lambda: os.rename("kept.py", "moved.py"))
attempt(lambda: os.chmod("kept.py", 0o777))
open("mine.py", "w").write("x = 'mine'")
os.rename("mine.py", "replaced.py")
"""
PYTHON = own_python()


def phase(name: str, code: str, **more: Any) -> Phase:
    argv = (str(PYTHON.executable), "-I", "-S", "-B", "-c", code)
    settings: dict[str, Any] = {"cwd": "/tree", "user": UNPRIVILEGED, "seconds": 30.0, "env": {"LANG": "C.UTF-8"}}
    return Phase(name=name, argv=argv, **(settings | more))


def worker(name: str, code: str, **more: Any) -> Phase:
    """A worker whose own program is hostile, with everything that a worker is given."""
    return phase(name, code, kind="worker", is_fresh=True, **more)


PHASES = [
    worker("forger", FORGER),
    worker("teller", TELLER),
    worker("listener", LISTENER, replays=True, config={"only_touching": True, "mode": "x"}),
    worker("deaf", LISTENER, config={"mode": "y"}),
    phase("leaver", LEAVER),
    phase("looker", LOOKER, user=1234),
    phase("slow", "import time; time.sleep(600)", seconds=1.0),
    phase("curious", CURIOUS, user=1234),
    phase("vandal", VANDAL, guarded=("/tree/kept.py", "/tree/replaced.py", "/tree/never.py")),
    phase("loud", "print('x' * 300_000); print('the end')"),
    phase("failing", "import sys; sys.exit(3)"),
    phase("killed", "import os; os.kill(os.getpid(), 9)"),
    phase("impossible", "", cwd="/none"),
]


async def run(runner: RunscRunner, phases: Sequence[Phase], mounts: Sequence[Mount], folder: Path,
              records: list[Record]) -> JobResult:  # fmt: skip
    return await run_job(runner, PYTHON, phases, mounts, folder, limits=Limits(), on_record=records.append)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def job(shared_runner: RunscRunner, tmp_path_factory: pytest.TempPathFactory) -> tuple[JobResult, list[Record]]:
    """All of the phases above, one after the other in one sandbox, and what came while they ran."""
    folder = tmp_path_factory.mktemp("job")
    project = project_at(folder / "project", {"kept.py": "x = 'kept'", "replaced.py": "x = 'theirs'"})
    tree = Scratch.make(project, None, folder / "tree")
    records: list[Record] = []
    result = await run(shared_runner, PHASES, tree_mounts(project, tree, "/tree"), folder / "inside", records)
    assert {path.name for path in tree.path.iterdir()} == {"kept.py", "replaced.py"}
    return result, records


@pytest.fixture
def phases(job: tuple[JobResult, list[Record]]) -> Mapping[str, PhaseResult]:
    return job[0].phases


async def test_every_phase_has_its_turn_and_its_own_end(job: tuple[JobResult, list[Record]]) -> None:
    result, records = job
    assert (result.run.status, result.unprepared) == (Status.OK, "")
    assert list(result.phases) == [each.name for each in PHASES]
    assert [record["phase"] for record in records if record["event"] == "start"] == list(result.phases)
    assert records[-1] == {"event": "end"}
    ends = {name: each.status for name, each in result.phases.items()}
    assert ends == {**dict.fromkeys(ends, 0), "slow": None, "failing": 3, "killed": -9, "impossible": 126}
    assert "FileNotFoundError" in result.phases["impossible"].output


async def test_what_does_not_authenticate_is_counted_and_dropped(phases: Mapping[str, PhaseResult]) -> None:
    forger = phases["forger"]
    said = [(record["phase"], record["what"]) for record in forger.of("said")]
    assert said == [("forger", "first"), ("forger", "second"), ("forger", "third")]
    assert forger.forged == 6
    assert not forger.finished
    assert {each.forged for name, each in phases.items() if name != "forger"} == {0}


async def test_calls_and_touching_tests_are_handed_on(phases: Mapping[str, PhaseResult]) -> None:
    assert [record["event"] for record in phases["teller"].records] == ["outcome", "outcome"]
    (given,) = phases["listener"].of("given")
    config = given["config"]
    assert [(call["module"], call["name"]) for call in config["calls"]] == [("m", "f")]
    assert config["only"] == ["touching"]
    assert phases["deaf"].of("given")[0]["config"] == {"mode": "y"}


async def test_nothing_of_a_phase_is_alive_in_the_next(phases: Mapping[str, PhaseResult]) -> None:
    assert phases["leaver"].output == "left\n"
    assert phases["looker"].output == "[] True\n"


async def test_a_phase_over_its_limit_is_cut_and_the_next_one_runs(phases: Mapping[str, PhaseResult]) -> None:
    slow = phases["slow"]
    assert (slow.timed_out, slow.status) == (True, None)
    assert 1.0 <= slow.seconds < 30.0
    assert not any(each.timed_out for name, each in phases.items() if name != "slow")


async def test_a_phase_sees_and_touches_nothing_of_the_supervisor(phases: Mapping[str, PhaseResult]) -> None:
    seen = json.loads(phases["curious"].output)
    assert {name for name, answer in seen.items() if answer == "PermissionError"} == {
        "job", "rewrite", "add", "signal", "memory", "stdout", "root",
    }  # fmt: skip
    assert seen["reports"] == "OSError", "only workers have the channel"
    assert (seen["user"], seen["groups"], seen["cwd"]) == (1234, [], "/tree")
    assert seen["environment"] == {"LANG": "C.UTF-8"}


async def test_files_that_must_stay_are_named_when_they_do_not(phases: Mapping[str, PhaseResult]) -> None:
    vandal = phases["vandal"]
    assert vandal.output.split() == ["PermissionError"] * 4
    assert vandal.replaced == ("/tree/replaced.py", "/tree/never.py")
    assert phases["curious"].replaced == ()


async def test_of_much_output_the_end_is_kept(phases: Mapping[str, PhaseResult]) -> None:
    assert len(phases["loud"].output) == 200_000
    assert phases["loud"].output.endswith("x\nthe end\n")


TESTED = {
    "cart.py": (
        "import json\nimport sys\n\n\n"
        "def total(items):\n    return sum(items)\n\n\n"
        "def never(items):\n    return 0\n\n\n"
        "def at_import():\n    return 1\n\n\n"
        "def in_fixture():\n    return 1\n\n\n"
        "def limit():\n    with open('limits.json') as file:\n        return json.load(file)\n\n\n"
        "def spy():\n    return sys._getframe(1).f_code.co_name\n\n\n"
        "ONE = at_import()\n"
    ),
    "limits.json": "3",
    "test_cart.py": (
        "import datetime\nimport os\nimport time\n\nimport pytest\n\nimport cart\n\nSTARTED = time.time()\n\n\n"
        "@pytest.fixture\ndef one():\n    return cart.in_fixture()\n\n\n"
        "def test_total(one):\n    assert cart.total([one, 2]) == 3\n\n\n"
        "def test_limit():\n    assert cart.limit() == 3\n\n\n"
        "def test_spy():\n    assert cart.spy() == 'test_spy'\n\n\n"
        "def test_noise():\n    os.write(3, b'garbage\\n')\n\n\n"
        "def test_no_name_of_a_runner():\n    assert 'PYTEST_CURRENT_TEST' not in os.environ\n\n\n"
        "def test_years_later():\n    later = datetime.datetime.fromtimestamp(STARTED + 9 * 366 * 86400)\n"
        "    assert datetime.datetime.now() > later and datetime.date.today() > later.date()\n\n\n"
        "def test_swap():\n    pytest.approx = lambda *_: True\n"
    ),
}
WATCHED = {
    "total": (5, 6),
    "never": (9, 10),
    "at_import": (13, 14),
    "in_fixture": (17, 18),
    "limit": (21, 23),
    "spy": (26, 27),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def observed(shared_runner: RunscRunner, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, PhaseResult]:
    """The tests above, as they are run first and as they are run again, elsewhere."""
    folder = tmp_path_factory.mktemp("observed")
    project = project_at(folder / "project", TESTED)
    tree = Scratch.make(project, None, folder / "tree")
    args = ["--rootdir=/tree", "-q", "--tb=short"]
    watch = {"/tree/cart.py": [(*lines, name) for name, lines in WATCHED.items()]}
    plain: dict[str, Any] = {"mode": "tests", "args": args, "changed": [], "data": [], "watch": {}}
    first = plain | {"changed": ["/tree/cart.py"], "data": ["/tree/limits.json"], "watch": watch}
    again = plain | {"reverse": True, "traceless": True, "clock_ahead": True}
    touching = plain | {"only_touching": True, "record": True, "watch": watch}
    replay = {"mode": "replay", "under_test": False}
    phases = [
        worker_phase(name, PYTHON, cwd="/tree", user=user, seconds=60.0, config=config, **more)
        for name, user, config, more in [
            ("first", UNPRIVILEGED, first, {}),
            ("again", 1234, again, {}),
            ("touching", UNPRIVILEGED, touching, {}),
            ("replay", 1234, replay, {"replays": True, "is_fresh": True}),
        ]
    ]
    result = await run(shared_runner, phases, tree_mounts(project, tree, "/tree"), folder / "inside", [])
    assert result.run.status is Status.OK
    return result.phases


def outcomes(result: PhaseResult) -> dict[str, str]:
    return {record["id"].rpartition("::")[2]: record["outcome"] for record in result.of("outcome")}


async def test_executing_is_told_by_function_and_test(observed: Mapping[str, PhaseResult]) -> None:
    touched = {
        record["id"].rpartition("::")[2]: {name for _, name in record["touched"]}
        for record in observed["first"].of("outcome")
    }
    assert touched["test_total"] == {"", "total", "in_fixture"}
    assert touched["test_limit"] == {"", "limit"}
    assert touched["test_noise"] == set()
    assert {path for record in observed["first"].of("outcome") for path, _ in record["touched"]} == {"/tree/cart.py"}


async def test_only_tests_that_touch_the_change_are_run_once_more(observed: Mapping[str, PhaseResult]) -> None:
    assert outcomes(observed["touching"]).keys() == {"test_total", "test_limit", "test_spy"}


async def test_opening_data_and_reaching_are_reported(observed: Mapping[str, PhaseResult]) -> None:
    opened = {(record["id"], record["path"]) for record in observed["first"].of("opened")}
    assert opened == {("test_cart.py::test_limit", "/tree/limits.json")}
    (reach,) = observed["first"].of("reach")
    assert (reach["id"], reach["path"]) == ("test_cart.py::test_spy", "/tree/cart.py")
    assert reach["act"] == "looks at the call stack"


async def test_replaced_functions_of_the_test_library_are_named(observed: Mapping[str, PhaseResult]) -> None:
    (altered,) = observed["first"].of("altered")
    assert "pytest.approx" in altered["names"]
    by_test = {record["id"]: record["altered"] for record in observed["first"].of("outcome")}
    assert "pytest.approx" in by_test["test_cart.py::test_swap"]
    assert "pytest.approx" not in by_test["test_cart.py::test_total"]


async def test_a_test_that_writes_to_the_channel_is_noticed_and_the_rest_is_told(
    observed: Mapping[str, PhaseResult],
) -> None:
    first = observed["first"]
    assert first.forged == 1
    assert first.finished
    assert outcomes(first).keys() == outcomes(observed["again"]).keys()


async def test_the_second_run_differs_in_all_that_should_not_matter(observed: Mapping[str, PhaseResult]) -> None:
    first, again = outcomes(observed["first"]), outcomes(observed["again"])
    differing = {"test_no_name_of_a_runner", "test_years_later"}
    assert {test for test, outcome in first.items() if outcome == "failed"} == differing
    assert set(again.values()) == {"passed"}
    assert list(again) == list(reversed(first))


async def test_recorded_calls_are_answered_where_there_is_no_test(observed: Mapping[str, PhaseResult]) -> None:
    answers = {record["name"]: record for record in observed["replay"].of("answer")}
    assert answers.keys() == {"total", "in_fixture", "limit", "spy"}
    assert {record["name"] for record in observed["replay"].of("first")} == answers.keys()
    assert "3" in answers["total"]["value"]
    assert answers["total"]["steady"]
    assert observed["replay"].finished
