"""Settings: every source, every bad key by its path with what is used instead, and trust that fails closed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from server.configuration import Configuration
from server.model_settings import ModelSettings
from server.settings import WORKSPACE_KEYS, Layer, Settings, keys, resolve
from tests.server.conftest import Launch
from tests.server.wire import Wire, capabilities
from workspace.trust import Trust

RANGE = "must be more than 0 and at most 1000000"
LEVELS = '"error", "warning", "info", "debug"'

NAMED = "must be a table whose name has letters, digits, - and _ only"

BAD: list[tuple[dict[str, Any], str]] = [
    ({"sandbox": {"seconds": "soon"}}, "assay.sandbox.seconds (from here) must be a number; 120 is used."),
    ({"sandbox": {"seconds": 0}}, f"assay.sandbox.seconds (from here) {RANGE}; 120 is used."),
    ({"sandbox": {"memoryMb": -1}}, f"assay.sandbox.memory_mb (from here) {RANGE}; 2048 is used."),
    ({"sandbox": {"processes": 1.5}}, "assay.sandbox.processes (from here) must be a whole number; 128 is used."),
    ({"sandbox": {"processes": True}}, "assay.sandbox.processes (from here) must be a whole number; 128 is used."),
    ({"sandbox": 5}, "assay.sandbox (from here) must be a table; what it was is used."),
    ({"python": 3}, 'assay.python (from here) must be a text; "" is used.'),
    ({"languages": "python"}, 'assay.languages (from here) must be a list of texts; ["python"] is used.'),
    ({"tests": {"globs": [1]}}, "assay.tests.globs (from here) must be a list of texts; [] is used."),
    ({"logLevel": "loud"}, f'assay.log_level (from here) must be one of {LEVELS}; "warning" is used.'),
    ({"trust": "maybe"}, 'assay.trust (from here) is neither "trusted" nor "untrusted"; "untrusted" is used.'),
    ({"trust": 1}, 'assay.trust (from here) is neither "trusted" nor "untrusted"; "untrusted" is used.'),
    ({"colour": "red"}, "assay.colour (from here) is not a setting."),
    ({"sandbox": {"endpoint": "x"}}, "assay.sandbox.endpoint (from here) is not a setting."),
    ({"models": []}, "assay.models (from here) must be tables with names, as in [models.code]; what it was is used."),
    ({"models": {"a b": {}}}, f"assay.models.a b (from here) {NAMED}."),
    ({"models": {"code": "x"}}, f"assay.models.code (from here) {NAMED}."),
    ({"python": "a\0b"}, 'assay.python (from here) must not contain a NUL character; "" is used.'),
]  # fmt: skip


def layer(values: Mapping[str, Any], origin: str = "here", may_set: frozenset[str] | None = None) -> Layer:
    return Layer(origin=origin, values=values, may_set=may_set)


@pytest.mark.parametrize(("values", "says"), BAD, ids=[str(case[0]) for case in BAD])
def test_a_bad_key_is_reported_by_its_path_with_what_is_used(values: dict[str, Any], says: str) -> None:
    settings, problems = resolve((layer(values),))
    assert [str(problem) for problem in problems] == [says]
    assert settings == (Settings(trust=Trust.UNTRUSTED) if "trust" in values else Settings())


def test_models_are_tables_of_any_name_and_a_stronger_source_changes_single_keys(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[models.fast-one]\nurl = "http://a/v1"\nmodel = "m"\nkey = "weak"\n[models.gpu]\nbackend = "triton"\n'
    )
    env = {"ASSAY_CONFIG": str(tmp_path / "config.toml"), "ASSAY_MODELS_FAST_ONE_KEY": "env:SECRET"}
    env["ASSAY_MODELS_GPU_CERTIFICATE_KEY"], env["ASSAY_MODELS_GPU_WEIGHT"] = "/k.pem", "0.05"
    settings, problems = Configuration(env, editor={"models": {"gpu": {"contextTokens": 4096}}}).settings()
    assert problems == ()
    fast, gpu = settings.models
    assert fast == ModelSettings(name="fast_one", url="http://a/v1", model="m", key="env:SECRET")
    assert gpu == ModelSettings(
        name="gpu", backend="triton", certificate_key="/k.pem", weight=0.05, context_tokens=4096
    )
    assert "SECRET" not in repr(settings)


def test_a_bad_key_of_a_model_is_reported_and_no_secret_is_shown() -> None:
    values = {"code": {"key": ["sk-secret"], "headers": "sk-secret", "backend": "magic", "colour": 1, "model": "m"}}
    settings, problems = resolve((layer({"models": values}),))
    assert settings.models == (ModelSettings(name="code", model="m"),)
    assert [problem.key for problem in problems] == [
        f"models.code.{key}" for key in ("key", "headers", "backend", "colour")
    ]
    assert "secret" not in " ".join(map(str, problems))


def test_a_good_key_beside_a_bad_one_is_used() -> None:
    settings, problems = resolve((layer({"sandbox": {"seconds": "x", "memory_mb": 512}, "budget": {"tries": 9}}),))
    assert (settings.sandbox.seconds, settings.sandbox.memory_mb, settings.budget.tries) == (120.0, 512, 9)
    assert len(problems) == 1


def test_a_bad_value_leaves_what_a_weaker_source_said() -> None:
    settings, problems = resolve((layer({"budget": {"seconds": 30}}), layer({"budget": {"seconds": []}}, "the editor")))
    assert settings.budget.seconds == 30.0
    assert [problem.used for problem in problems] == ["30"]


@pytest.mark.parametrize("bad", ["yes", 1, [], {}, "TRUSTED", " trusted"])
def test_bad_trust_in_any_source_is_untrusted_whatever_others_say(bad: Any) -> None:
    good = layer({"trust": "trusted"})
    for layers in ((layer({"trust": bad}), good), (good, layer({"trust": bad}))):
        assert resolve(layers)[0].trust is Trust.UNTRUSTED


def test_null_is_not_set() -> None:
    """Editors send null for what nobody chose."""
    everything = {"trust": None, "python": None, "sandbox": None, "budget": {"seconds": None}}
    assert resolve((layer(everything),)) == (Settings(), ())


def test_a_file_of_the_workspace_may_set_globs_languages_and_selection_only() -> None:
    values = {
        "languages": ["python", "cython"],
        "tests": {"globs": ["checks/*.py"], "selection": ["tests"]},
        "trust": "trusted",
        "python": "/bin/evil",
        "sandbox": {"runsc": "/bin/evil", "seconds": 1},
        "models": {"code": {"url": "https://evil.example", "key": "env:HOME"}},
    }
    settings, problems = resolve((layer({"trust": "untrusted"}), layer(values, ".assay.toml", WORKSPACE_KEYS)))
    assert settings.tests.globs == ("checks/*.py",)
    assert (settings.trust, settings.python, settings.models) == (Trust.UNTRUSTED, "", ())
    refused = {problem.key for problem in problems}
    assert refused == {"trust", "python", "sandbox.runsc", "sandbox.seconds", "models.code.url", "models.code.key"}
    assert all("cannot be set by a file of the workspace" in str(problem) for problem in problems)


def test_a_file_of_the_workspace_cannot_take_trust_away_by_asking_for_it() -> None:
    settings, _ = resolve((layer({"trust": "trusted"}, ".assay.toml", WORKSPACE_KEYS),))
    assert settings.trust is Trust.TRUSTED


def test_from_weak_to_strong(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[budget]\nseconds = 1\ntries = 1\n[sandbox]\nseconds = 1\nmemory_mb = 1\n")
    configuration = Configuration(
        {"ASSAY_CONFIG": str(tmp_path / "config.toml"), "ASSAY_SANDBOX_MEMORY_MB": "4"},
        initialization={"budget": {"tries": 2}, "sandbox": {"seconds": 2, "memoryMb": 2}, "status": False},
        editor={"sandbox": {"seconds": 3, "memoryMb": 3}},
    )
    settings, problems = configuration.settings()
    assert problems == ()
    assert (settings.budget.seconds, settings.budget.tries) == (1.0, 2)
    assert (settings.sandbox.seconds, settings.sandbox.memory_mb) == (3.0, 4)


def test_every_key_has_an_environment_variable(tmp_path: Path) -> None:
    good: dict[str, tuple[str, Any]] = {
        "trust": ("untrusted", Trust.UNTRUSTED),
        "python": ("/p", "/p"),
        "languages": (os.pathsep.join(["python", "cython"]), ("python", "cython")),
        "log_level": ("debug", "debug"),
        "sandbox.runsc": ("/r", "/r"),
        "sandbox.seconds": ("7.5", 7.5),
        "sandbox.memory_mb": ("512", 512),
        "sandbox.processes": ("9", 9),
        "budget.seconds": ("8", 8.0),
        "budget.tries": ("2", 2),
        "tests.globs": ("a*.py", ("a*.py",)),
        "tests.selection": ("t1" + os.pathsep + "t2", ("t1", "t2")),
        "prompts": ("/prompts", "/prompts"),
        "cache.answers": ("off", "off"),
        "cache.days": ("0.5", 0.5),
        "cache.memory_mb": ("8", 8),
        "cache.disk_mb": ("9", 9),
        "cache.redis_url": ("redis://c", "redis://c"),
        "cache.tenant": ("t", "t"),
        "routing.trial": ("a", "a"),
        "routing.hedge_seconds": ("0.5", 0.5),
        "routing.requests_per_minute": ("60", 60),
        "routing.tokens_per_day": ("9", 9),
        "observe.metrics": ("127.0.0.1:9464", "127.0.0.1:9464"),
        "observe.otlp_url": ("http://o:4318", "http://o:4318"),
        "observe.otlp_headers": ("a=b", ("a=b",)),
        "index.enabled": ("off", "off"),
        "index.embedder": ("none", "none"),
        "index.watch": ("off", "off"),
        "index.history": ("off", "off"),
        "index.fusion": ("dbsf", "dbsf"),
        "index.rerank": ("on", "on"),
        "index.qdrant_url": ("http://q:6334", "http://q:6334"),
        "index.qdrant_api_key": ("k", "k"),
        "index.qdrant_team": ("t", "t"),
        "index.qdrant_shards": ("3", 3),
        "index.qdrant_replicas": ("2", 2),
        "index.redis_url": ("redis://r", "redis://r"),
        "chat.enabled": ("off", "off"),
        "chat.history": ("off", "off"),
        "chat.context_share": ("0.25", 0.25),
        "chat.seconds": ("30", 30.0),
        "edits.preview": ("always", "always"),
        "complete.enabled": ("off", "off"),
        "complete.not_for": (f"markdown{os.pathsep}toml", ("markdown", "toml")),
        "complete.seconds": ("1.5", 1.5),
        "complete.least_wait_ms": ("5", 5),
        "complete.most_wait_ms": ("250", 250),
        "complete.multiline": ("never", "never"),
        "complete.gate": ("off", "off"),
        "complete.candidates": ("2", 2),
        "complete.next_edit": ("off", "off"),
        "along.enabled": ("on", "on"),
        "along.seconds_per_hour": ("60", 60.0),
        "along.quiet_seconds": ("1.5", 1.5),
        "along.load": ("0.25", 0.25),
    }
    assert set(good) == set(keys())
    for key, (text, value) in good.items():
        name = "ASSAY_" + key.replace(".", "_").upper()
        settings, problems = Configuration({"ASSAY_CONFIG": str(tmp_path / "none"), name: text}).settings()
        found: Any = settings
        for part in key.split("."):
            found = getattr(found, part)
        assert (found, problems) == (value, ()), key
    _, problems = Configuration({"ASSAY_CONFIG": str(tmp_path / "none"), "ASSAY_BUDGET_TRIES": "many"}).settings()
    assert [str(each) for each in problems] == [
        "assay.budget.tries (from ASSAY_BUDGET_TRIES) must be a whole number; 4 is used."
    ]


def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    configuration = Configuration({"ASSAY_CONFIG": str(file)})
    assert configuration.settings()[0].budget.tries == 4
    for tries in (5, 6):
        file.write_text(f"[budget]\ntries = {tries}\n# {'x' * tries}")
        assert configuration.settings()[0].budget.tries == tries
    file.unlink()
    assert configuration.settings()[0].budget.tries == 4


@pytest.mark.parametrize("content", [b"not = = toml", b"\xff\xfe", b"a = '" + b"x" * (1 << 21) + b"'"])
def test_a_users_file_that_cannot_be_read_fails_closed(tmp_path: Path, content: bytes) -> None:
    """It might have said "untrusted"."""
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    settings, problems = Configuration({"ASSAY_CONFIG": str(file), "ASSAY_TRUST": "trusted"}).settings()
    assert settings.trust is Trust.UNTRUSTED
    assert [problem.key for problem in problems] == ["trust"]
    assert str(file) in str(problems[0])


def test_a_workspace_file_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / ".assay.toml").write_text("not = = toml")
    settings, problems = Configuration({"ASSAY_CONFIG": str(tmp_path / "none")}).settings(tmp_path)
    assert settings == Settings()
    assert len(problems) == 1


# ---- over the wire

wired = pytest.mark.asyncio(loop_scope="module")


def logged(wire: Wire) -> list[str]:
    return [params["message"] for params in wire.sent("window/logMessage")]


@wired
async def test_settings_are_pulled_and_reported_once(assay: Launch, tmp_path: Path) -> None:
    wire = await assay()
    values: dict[str, Any] = {"sandbox": {"seconds": "soon"}, "trust": "untrusted"}
    wire.answer = lambda method, params: [values] if method == "workspace/configuration" else None
    await wire.initialize(capabilities=capabilities("code-server"), initializationOptions={"budget": {"tries": -1}})
    warning = await wire.notification("assay/status", lambda params: params["state"] == "warning")
    assert warning["sandbox"]["available"] is False
    assert sorted(logged(wire)) == [
        f"Assay: assay.budget.tries (from the editor's initialization options) {RANGE}; 4 is used.",
        "Assay: assay.sandbox.seconds (from the editor's settings) must be a number; 120 is used.",
    ]
    registered = wire.sent("client/registerCapability")[0]["registrations"][0]
    assert registered["method"] == "workspace/didChangeConfiguration"
    assert registered["registerOptions"] == {"section": "assay"}

    values = {"trust": "trusted"}
    wire.notify("workspace/didChangeConfiguration", {"settings": None})  # pull again
    ready = await wire.notification("assay/status", lambda params: params["sandbox"]["available"])
    assert ready["sandbox"]["name"] == "gvisor"
    wire.notify("workspace/didChangeConfiguration", {"settings": {"assay": {"trust": "yes!"}}})  # pushed
    await wire.notification("window/logMessage", lambda params: "assay.trust (from the editor's" in params["message"])
    assert len(logged(wire)) == 3


@wired
async def test_a_changed_file_is_in_force_for_the_next_command(assay: Launch, tmp_path: Path) -> None:
    config = Path(os.environ["ASSAY_CONFIG"])

    async def run() -> Any:
        return await wire.result("workspace/executeCommand", {"command": "assay.runTest", "arguments": [{"uri": uri}]})

    wire = await assay()
    await wire.initialize(rootUri=tmp_path.as_uri())
    (tmp_path / "test_a.py").write_text("def test_a():\n    pass\n")
    uri = (tmp_path / "test_a.py").as_uri()
    config.write_text('trust = "untrusted"\n')  # noqa: ASYNC240 - a test may wait for its disk
    assert (await run())["status"] == "refused"
    config.write_text('trust = "trusted"\n# now\n')  # noqa: ASYNC240
    assert (await run())["status"] == "ok"


@wired
async def test_a_client_that_does_not_want_status_gets_none(assay: Launch) -> None:
    wire = await assay(ASSAY_TRUST="untrusted")
    await wire.initialize(initializationOptions={"status": False})
    result = await wire.result(
        "workspace/executeCommand", {"command": "assay.runTest", "arguments": [{"uri": "file:///"}]}
    )
    assert result["status"] in ("refused", "failed")
    assert wire.sent("assay/status") == []
    assert logged(wire) == []


@wired
async def test_settings_from_the_file_of_a_workspace(assay: Launch, tmp_path: Path) -> None:
    (tmp_path / ".assay.toml").write_text('trust = "trusted"\n[tests]\nselection = ["test_b.py"]\n')
    for name in ("a", "b"):
        (tmp_path / f"test_{name}.py").write_text(f"def test_{name}():\n    pass\n")
    wire = await assay()
    await wire.initialize(rootUri=tmp_path.as_uri())
    uri = (tmp_path / "test_a.py").as_uri()
    result = await wire.result("workspace/executeCommand", {"command": "assay.runTest", "arguments": [{"uri": uri}]})
    assert [test["id"] for test in result["tests"]] == ["test_b.py::test_b"]
    [line] = logged(wire)
    assert "assay.trust" in line
    assert "cannot be set by a file of the workspace" in line


def test_a_secret_is_not_shown_in_the_report_of_its_mistake() -> None:
    layers = (Layer(origin="a", values={"index": {"redis_url": "redis://:hush@r"}}),
              Layer(origin="b", values={"index": {"redis_url": 3, "qdrant_api_key": []}}))  # fmt: skip
    settings, problems = resolve(layers)
    assert settings.index.redis_url == "redis://:hush@r"
    assert len(problems) == 2
    assert "hush" not in " ".join(map(str, problems)) + repr(settings)
