"""Settings as values, and how a dictionary from anywhere becomes them: key by key, each bad one reported."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast, get_type_hints

import cattrs

from server.model_settings import CacheSettings, ModelSettings, ObserveSettings, RoutingSettings
from workspace.trust import Trust, read_trust

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    runsc: str = ""
    """Path of gVisor's `runsc`; empty looks for it."""
    seconds: float = 120.0
    """Wall clock of one run of the tests."""
    memory_mb: int = 2048
    processes: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    seconds: float = 120.0
    """For one fix, everything included."""
    tries: int = 4
    """Candidates verified in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSettings:
    __test__ = False

    globs: tuple[str, ...] = ()
    """Files that hold tests, besides `test_*.py` and `*_test.py`; relative to the root."""
    selection: tuple[str, ...] = ()
    """What *Run in sandbox* runs when no test is named: node ids, files or folders; empty is everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    enabled: Literal["on", "off"] = "on"
    embedder: str = "local"
    """What makes the vectors of meaning: `local` is the model that comes along, `none` nothing (found by words
    alone), `onnx:FOLDER` a model of your own, and else the name of one of `models` whose role is to embed."""
    watch: Literal["on", "off"] = "on"
    """Whether changes on disk are seen as they happen."""
    history: Literal["on", "off"] = "on"
    """Whether what commits said about a file helps to find it."""
    fusion: Literal["weighted", "dbsf", "rrf"] = "weighted"
    """How the list of words and that of meaning become one."""
    rerank: Literal["off", "on"] = "off"
    """Whether the embedder takes a second, slower look at the best hits."""
    qdrant_url: str = ""
    """Of the team's Qdrant; empty keeps the index on this machine."""
    qdrant_api_key: str = field(default="", repr=False)
    qdrant_team: str = "default"
    """Names the team's collections."""
    qdrant_shards: int = 1
    qdrant_replicas: int = 1
    redis_url: str = field(default="", repr=False)
    """Of the team's Redis, which remembers embeddings; empty remembers them on this machine alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteSettings:
    enabled: Literal["on", "off"] = "on"
    """Whether text is suggested at the cursor."""
    not_for: tuple[str, ...] = ()
    """Language ids in which nothing is suggested."""
    seconds: float = 3.0
    """For the model's whole answer."""
    least_wait_ms: int = 30
    most_wait_ms: int = 400
    """How long the typing must rest before the model is asked; between these it follows the person's own pace."""
    multiline: Literal["auto", "always", "never"] = "auto"
    """Whether more than the rest of the line is suggested; `auto` where a block begins."""
    gate: Literal["auto", "off"] = "auto"
    """Whether suggestions that are seldom taken are left out, once enough were taken and passed over to tell."""
    candidates: int = 3
    """At most so many when they are asked for by a key."""
    next_edit: Literal["on", "off"] = "on"
    """Whether the edits that follow from the last one are proposed elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    enabled: Literal["on", "off"] = "on"
    history: Literal["on", "off"] = "on"
    """Whether conversations outlive the server, in the user's state folder."""
    context_share: float = 0.5
    """Of what the model takes, how much the code that was found may have; more than a half counts as a half."""
    seconds: float = 120.0
    """For a model's whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditsSettings:
    preview: Literal["auto", "always", "never"] = "auto"
    """Whether an edit is shown before it is applied, where the editor can; `auto` shows what is not verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlongSettings:
    enabled: Literal["on", "off"] = "off"
    """Whether the tests that touch a change are run after it was saved, unasked. Off, because it takes a machine's
    time and heat for something that nobody asked for, and runs code that was only just written."""
    seconds_per_hour: float = 300.0
    """Of running in the sandbox, fixes that are prepared included."""
    quiet_seconds: float = 3.0
    """Without a keystroke, before it begins."""
    load: float = 0.5
    """Of each core, averaged over the last minute: with more than this the machine is not idle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    trust: Trust = Trust.TRUSTED
    python: str = ""
    """Path of the project's Python; empty looks for it."""
    languages: tuple[str, ...] = ("python",)
    """Language ids that get actions."""
    log_level: Literal["error", "warning", "info", "debug"] = "warning"
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    tests: TestSettings = field(default_factory=TestSettings)
    models: tuple[ModelSettings, ...] = ()
    """In the order they were named."""
    prompts: str = ""
    """A folder of prompts that replace those that come along: docs/prompts.md."""
    cache: CacheSettings = field(default_factory=CacheSettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    observe: ObserveSettings = field(default_factory=ObserveSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    complete: CompleteSettings = field(default_factory=CompleteSettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    edits: EditsSettings = field(default_factory=EditsSettings)
    along: AlongSettings = field(default_factory=AlongSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One source of settings."""

    origin: str
    """For people: `ASSAY_TRUST`, `the editor`, the path of a file."""
    values: Mapping[str, Any]
    may_set: frozenset[str] | None = None
    """Dotted keys this source may set; None is all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A key that was not used."""

    key: str
    origin: str
    reason: str
    used: str
    """What is in force instead, as a person would write it; empty for a key that does not exist."""

    def __str__(self) -> str:
        instead = f"; {self.used} is used" if self.used else ""
        return f"assay.{self.key} (from {self.origin}) {self.reason}{instead}."


WORKSPACE_KEYS = frozenset({"languages", "tests.globs", "tests.selection"})
"""What a file inside the workspace may set: nothing that runs, sends or trusts."""


def resolve(layers: tuple[Layer, ...]) -> tuple[Settings, tuple[Problem, ...]]:
    """The settings in force, from the weakest layer to the strongest, and what was wrong on the way.

    A bad value leaves what the weaker layers say. Only trust is different: one bad value anywhere is untrusted.
    """
    problems: list[Problem] = []
    settings = Settings()
    for layer in layers:
        settings = _apply(settings, layer.values, layer, "", problems)
    if any(problem.key == "trust" and problem.used == _shown(Trust.UNTRUSTED) for problem in problems):
        settings = dataclasses.replace(settings, trust=Trust.UNTRUSTED)
    return settings, tuple(problems)


def keys() -> dict[str, Any]:
    """Every dotted key with its default."""
    return _keys(Settings(), "")


def _keys(settings: Any, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in dataclasses.fields(settings):
        value = getattr(settings, each.name)
        if dataclasses.is_dataclass(value):
            found.update(_keys(value, f"{prefix}{each.name}."))
        elif each.name != "models":  # tables of any name: each key of ModelSettings below it
            found[prefix + each.name] = value
    return found


def _apply(settings: T, values: Mapping[str, Any], layer: Layer, prefix: str, problems: list[Problem]) -> T:
    hints = get_type_hints(type(settings))
    changed: dict[str, Any] = {}
    for raw_key, value in values.items():
        name = _snake(str(raw_key))
        key = prefix + name
        if name not in hints or name.startswith("_"):
            if key not in _NOT_SETTINGS:
                problems.append(Problem(key=key[:100], origin=layer.origin, reason="is not a setting", used=""))
            continue
        current = changed.get(name, getattr(cast("Any", settings), name))
        if name == "models" and not prefix:
            changed[name] = _models(current, value, layer, problems)
            continue
        if dataclasses.is_dataclass(current):
            if isinstance(value, Mapping):
                table = cast("Mapping[str, Any]", value)
                changed[name] = _apply(current, table, layer, f"{key}.", problems)
            elif value is not None:
                problems.append(Problem(key=key, origin=layer.origin, reason="must be a table", used="what it was"))
            continue
        if layer.may_set is not None and key not in layer.may_set:
            reason = "cannot be set by a file of the workspace"
            used = _shown(current) if name not in _SECRET else "what it was"
            problems.append(Problem(key=key, origin=layer.origin, reason=reason, used=used))
            continue
        if value is None:  # an editor's way to say that nothing was set
            continue
        try:
            changed[name] = _value(value, hints[name])
        except (ValueError, TypeError) as error:
            used = _shown(Trust.UNTRUSTED if key == "trust" else current) if name not in _SECRET else "what it was"
            problems.append(Problem(key=key, origin=layer.origin, reason=str(error), used=used))
    return dataclasses.replace(cast("Any", settings), **changed) if changed else settings


def _models(
    known: tuple[ModelSettings, ...], values: Any, layer: Layer, problems: list[Problem]
) -> tuple[ModelSettings, ...]:
    """The tables of models: those of a stronger source change single keys of those with the same name."""
    if not isinstance(values, Mapping):
        if values is not None:
            reason = "must be tables with names, as in [models.code]"
            problems.append(Problem(key="models", origin=layer.origin, reason=reason, used="what it was"))
        return known
    named = {model.name: model for model in known}
    for name, table in cast("Mapping[Any, Any]", values).items():
        if not isinstance(table, Mapping) or not (isinstance(name, str) and _NAME.fullmatch(name)):
            reason = "must be a table whose name has letters, digits, - and _ only"
            problems.append(Problem(key=f"models.{str(name)[:100]}", origin=layer.origin, reason=reason, used=""))
            continue
        name = name.lower().replace("-", "_")
        given = {key: value for key, value in cast("Mapping[str, Any]", table).items() if key != "name"}
        model = named.get(name, ModelSettings(name=name))
        changed = _apply(model, given, layer, f"models.{name}.", problems)
        if layer.may_set is None:
            named[name] = changed
    return tuple(named.values())


_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SECRET = frozenset({"qdrant_api_key", "redis_url", "tenant", "key", "headers", "otlp_headers"})  # shown to nobody
_NOT_SETTINGS = frozenset({"input", "status"})  # initialization options of the protocol: see server/client.py


def _value(value: Any, kind: Any) -> Any:
    """:raises ValueError: what is wrong with it, as the end of a sentence."""
    if kind is Trust:
        trust, wrong = read_trust(value)
        if wrong:
            raise ValueError('is neither "trusted" nor "untrusted"')
        return trust
    try:
        found = _CONVERTER.structure(value, kind)
    except Exception as error:
        raise ValueError(f"must be {_WANTED.get(kind) or _choices(kind)}") from error
    if isinstance(found, (int, float)) and not 0 < found <= _LARGEST:
        raise ValueError(f"must be more than 0 and at most {_LARGEST}")
    if isinstance(found, str) and "\0" in found:
        raise ValueError("must not contain a NUL character")
    return found


_LARGEST = 1_000_000  # of seconds, megabytes, processes or tries: nobody means more
_WANTED: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    tuple[str, ...]: "a list of texts",
}


def _choices(kind: Any) -> str:
    return "one of " + ", ".join(f'"{choice}"' for choice in getattr(kind, "__args__", ()))


def _shown(value: Any) -> str:
    if isinstance(value, Trust):
        return f'"{value.value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in cast("tuple[object, ...]", value)) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def _snake(key: str) -> str:
    """Editors write `memoryMb` where TOML files write `memory_mb`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower().replace("-", "_")


def _plain(value: Any, kind: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind):
        if kind is int and isinstance(value, float) and value.is_integer():
            return int(value)
        if not (kind is float and isinstance(value, int) and not isinstance(value, bool)):
            raise TypeError
    return kind(value)


def _texts(value: Any, _: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in cast("list[object]", value)):
        raise TypeError
    return tuple(cast("list[str]", value))


_CONVERTER = cattrs.Converter(detailed_validation=False)
for _kind in (str, int, float):
    _CONVERTER.register_structure_hook(_kind, _plain)
_CONVERTER.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
