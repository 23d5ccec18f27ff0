"""The settings' models, composed: what a person writes in their TOML, and what then happens on the wire."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from inference.errors import InferenceError
from inference.ports import CompletionRequest, GenerateRequest, Message
from inference.tritonserver.launch import TritonServer
from server.configuration import Configuration
from server.embedders import served_embedder
from server.identity import own_secret, user_name
from server.model_settings import ModelSettings
from server.models import Models
from server.runtime import KeptModels
from server.secrets import NoSecret, resolve_secret
from tests.inference.lying_server import running, seen_by
from tests.inference.triton.scripted import running as running_triton

ASK = GenerateRequest(messages=(Message(role="user", content="hello"),), seconds=20)


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    with running() as address:
        yield address


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Generator[TritonServer, None, None]:
    with running_triton(tmp_path_factory.mktemp("triton"), models=("scripted", "vectors")) as server:
        yield server


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    names = ("config.toml", "state", "cache")
    return {f"ASSAY_{name.partition('.')[0].upper()}": str(tmp_path / name) for name in names}


def say(text: str, **options: Any) -> str:
    """The name of a model that answers so."""
    return f"say:{json.dumps({'text': text, **options})}"


@asynccontextmanager
async def models(
    env: dict[str, str], *, cache: dict[str, Any] | None = None, routing: dict[str, Any] | None = None, **tables: Any
) -> AsyncGenerator[Models]:
    values = {"models": tables, "cache": cache or {}, "routing": routing or {}}
    settings, problems = Configuration(env, editor=values).settings()
    assert problems == ()
    made = Models(settings, env)
    try:
        yield made
    finally:
        await made.close()


async def text_of(made: Models, request: GenerateRequest = ASK) -> str:
    generator = made.chat()
    assert generator is not None
    return "".join([piece async for piece in generator.stream(request)])


async def test_without_models_there_is_none(env: dict[str, str]) -> None:
    async with models(env) as made:
        assert made.chat() is None
        assert made.completer() is None
        assert made.health("chat") is None


async def test_a_key_comes_from_the_environment_and_goes_to_the_server_alone(server: str, env: dict[str, str]) -> None:
    table = {"url": server, "model": say("fine"), "key": "env:TOKEN", "headers": ["x-name=keyed", "x-team=env:TEAM"]}
    async with models(env | {"TOKEN": "sk-hush-hush", "TEAM": "blue"}, code=table) as made:
        assert await text_of(made) == "fine"
        assert "hush" not in repr(vars(made)["_settings"])
    (request,) = await asyncio.to_thread(seen_by, server, "keyed")
    assert request["headers"]["authorization"] == "Bearer sk-hush-hush"
    assert request["headers"]["x-team"] == "blue"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"model": "m"}, "models.code: The model's url must be"),
    "no such variable": ({"url": "http://h", "model": "m", "key": "env:NOPE"}, "environment variable NOPE is not set"),
    "no such family": ({"url": "http://h", "model": "m", "family": "kale"}, "there is no family kale"),
    "no such tokenizer": ({"url": "http://h", "model": "m", "tokenizer": "/none.json"}, "/none.json cannot be read"),
    "no script": ({"backend": "scripted", "script": "/none.toml"}, "/none.toml cannot be read"),
    "an address for HTTP": ({"backend": "triton", "url": "http://h", "model": "m"}, "must be grpc:// or grpcs://"),
    "a header without a value": ({"url": "http://h", "model": "m", "headers": ["hush"]}, "header 1 is not written as"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_a_sentence(case: str, env: dict[str, str]) -> None:
    table, says = WRONG[case]
    async with models(env, code=table) as made:
        with pytest.raises(InferenceError, match=says) as caught:
            made.completer()
        assert "hush" not in str(caught.value)


async def test_an_answer_is_kept_from_one_session_to_the_next(server: str, env: dict[str, str]) -> None:
    table = {"url": server, "model": say("again"), "headers": ["x-name=kept"]}
    for _ in range(2):
        async with models(env, code=table) as made:
            assert await text_of(made) == "again"
    async with models(env, cache={"answers": "off"}, code=table) as made:
        assert await text_of(made) == "again"
    assert len(await asyncio.to_thread(seen_by, server, "kept")) == 2
    file = Path(env["ASSAY_CACHE"]) / "answers.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"hello" not in file.read_bytes()


async def test_a_user_stays_in_a_variant_and_each_has_its_own_answers(server: str, env: dict[str, str]) -> None:
    tables: dict[str, Any] = {
        "old": {"url": server, "model": say("stable"), "weight": 0.5},
        "new": {"url": server, "model": say("canary"), "variant": "canary", "weight": 0.5},
    }
    answers: dict[str, list[str]] = {}
    for person in range(16):
        own = env | {"ASSAY_STATE": f"{env['ASSAY_STATE']}-{person}"}
        for _ in range(2):
            async with models(own, **tables) as made:
                answers.setdefault(user_name(own), []).append(await text_of(made))
    assert len(answers) == 16
    assert all(first == second for first, second in answers.values())
    assert {first for first, _ in answers.values()} == {"stable", "canary"}


async def test_a_replica_that_is_away_is_left_out(server: str, env: dict[str, str]) -> None:
    tables: dict[str, Any] = {
        "one": {"url": "http://127.0.0.1:9", "model": say("here")},
        "two": {"url": server, "model": say("here")},
    }
    async with models(env, cache={"answers": "off"}, **tables) as made:
        assert [await text_of(made) for _ in range(4)] == ["here"] * 4


async def test_too_many_at_once_are_told_so(server: str, env: dict[str, str]) -> None:
    table = {"url": server, "model": say("slow " * 9, delay=0.2), "streams": 1, "queue": 1}
    async with models(env, cache={"answers": "off"}, code=table) as made:
        answers = await asyncio.gather(*(text_of(made) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(answer, InferenceError) and "busy" in str(answer).lower() for answer in answers) == 2


async def test_a_budget_that_is_spent_is_said(server: str, env: dict[str, str]) -> None:
    table = {"url": server, "model": say("fine"), "headers": ["x-name=budget"]}
    async with models(env, cache={"answers": "off"}, routing={"requests_per_minute": 2}, code=table) as made:
        assert [await text_of(made) for _ in range(2)] == ["fine"] * 2
        with pytest.raises(InferenceError, match="budget of 2 requests a minute is used up"):
            await text_of(made)
    assert len(await asyncio.to_thread(seen_by, server, "budget")) == 2


async def test_a_slow_model_is_hedged_where_the_settings_want_it(server: str, env: dict[str, str]) -> None:
    tables: dict[str, Any] = {
        "slow": {"url": server, "model": say("slow", delay=30), "headers": ["x-name=hedged"]},
        "quick": {"url": server, "model": say("quick")},
    }
    # Without the second one, an answer that begins after 30 s would not come within 8.
    soon = replace(ASK, seconds=8)
    for _ in range(16):  # either is asked first; a new session has a hedge to spare
        async with models(env, cache={"answers": "off"}, routing={"hedge_seconds": 0.2}, **tables) as made:
            assert await text_of(made, soon) == "quick"
    assert any(request["left"] for request in await asyncio.to_thread(seen_by, server, "hedged"))


async def test_the_model_that_completes_is_asked_for_its_form(server: str, env: dict[str, str]) -> None:
    async with models(env, code={"url": server, "model": say("x"), "family": "qwen-coder"}) as made:
        first = made.completer()
        assert first is not None and first.family is not None
        assert first.dialect.explanation == "qwen-coder, not tried yet."
        until = asyncio.get_running_loop().time() + 20
        while "not tried" in (now := made.completer()).dialect.explanation:  # type: ignore[union-attr]
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.02)
        assert now is not None and now.dialect.explanation.startswith("qwen-coder, chosen in the settings")


async def test_metrics_are_read_and_say_nothing_of_the_text(
    server: str, env: dict[str, str], unused_tcp_port: int
) -> None:
    values = {
        "models": {"code": {"url": server, "model": say("counted")}},
        "observe": {"metrics": f":{unused_tcp_port}"},
    }
    settings, problems = Configuration(env, editor=values).settings()
    assert problems == ()
    kept = KeptModels(env)
    try:
        assert await text_of(kept.get(settings)) == "counted"
        exposed = await asyncio.to_thread(fetched, f"http://127.0.0.1:{unused_tcp_port}/metrics")
    finally:
        await kept.close()
    assert "assay_inference_requests_total{" in exposed
    assert 'model="code"' in exposed
    assert "counted" not in exposed and "hello" not in exposed


def fetched(url: str) -> str:
    with urlopen(url, timeout=20) as answer:
        return answer.read().decode()


async def test_triton_by_the_settings(triton: TritonServer, env: dict[str, str]) -> None:
    """Chat, raw completion and vectors: the same server, three roles."""
    url = f"grpc://127.0.0.1:{triton.grpc}"
    async with models(env, gpu={"backend": "triton", "url": url, "model": "scripted", "family": "qwen-coder"}) as made:
        assert "hello" in await text_of(made)
        completer = made.completer()
        assert completer is not None
        request = CompletionRequest(prompt=json.dumps({"say": "return a + b"}), seconds=20)
        assert "".join([piece async for piece in completer.generator.complete(request)]) == "return a + b"
        health = made.health("complete")
        assert health is not None and health.state == "full"
    vectors = ModelSettings(name="v", backend="triton", url=url, model="vectors", roles=("embed",), dimension=3)
    embedder = served_embedder(vectors, env)
    try:
        assert (await embedder.embed(["a", "b"])).shape == (2, embedder.dimension)
    finally:
        await embedder.close()


def test_names_are_lasting_opaque_and_private(env: dict[str, str]) -> None:
    other = env | {"ASSAY_STATE": env["ASSAY_STATE"] + "-other"}
    assert user_name(env) == user_name(dict(env)) != user_name(other)
    assert own_secret(env) != own_secret(other)
    file = Path(env["ASSAY_STATE"]) / "identity"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().hex() not in (user_name(env), own_secret(env).hex())


SECRETS: dict[str, tuple[str, Callable[[], Any]]] = {
    "plain": ("sk-1", lambda: "sk-1"),
    "of the environment": ("env:A", lambda: "value"),
    "not there": ("env:B", lambda: NoSecret),
    "not well named": ("keyring:alone", lambda: NoSecret),
}


@pytest.mark.parametrize("case", SECRETS)
def test_where_a_secret_is(case: str) -> None:
    text, wanted = SECRETS[case]
    if wanted() is NoSecret:
        with pytest.raises(NoSecret):
            resolve_secret(text, {"A": "value"})
    else:
        assert resolve_secret(text, {"A": "value"}) == wanted()


def test_a_secret_of_the_keyring() -> None:
    """With a keyring of our own: what a machine has may ask its user for a password."""
    import keyring
    from keyring.backend import KeyringBackend

    class Kept(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return "opened" if (service, username) == ("assay/models", "me") else None

        def set_password(self, service: str, username: str, password: str) -> None: ...

        def delete_password(self, service: str, username: str) -> None: ...

    before = keyring.get_keyring()
    keyring.set_keyring(Kept())
    try:
        assert resolve_secret("keyring:assay/models/me", {}) == "opened"
        with pytest.raises(NoSecret, match="keyring has no assay/models/you"):
            resolve_secret("keyring:assay/models/you", {})
    finally:
        keyring.set_keyring(before)


@pytest.fixture
def dying(tmp_path_factory: pytest.TempPathFactory) -> Generator[TritonServer, None, None]:
    with running_triton(tmp_path_factory.mktemp("dying"), models=("scripted",)) as server:
        yield server


async def test_of_two_tritons_one_dies(triton: TritonServer, dying: TritonServer, env: dict[str, str]) -> None:
    """Nobody notices who asks after that."""
    tables: dict[str, Any] = {
        name: {"backend": "triton", "url": f"grpc://127.0.0.1:{server.grpc}", "model": "scripted"}
        for name, server in (("one", dying), ("two", triton))
    }
    request = CompletionRequest(prompt=json.dumps({"say": "an answer", "delay": 0.02}), seconds=20)
    async with models(env, cache={"answers": "off"}, **tables) as made:
        completer = made.completer()
        assert completer is not None
        generator, used = completer.generator, set[str]()

        async def ask() -> str:
            answer = generator.complete(request, on_finish=lambda end: used.add(end.backend))
            return "".join([piece async for piece in answer])

        until = asyncio.get_running_loop().time() + 20
        while len(used) < 2:
            assert asyncio.get_running_loop().time() < until, used
            assert await ask() == "an answer"
        dying.kill()
        used.clear()
        assert await asyncio.gather(*(ask() for _ in range(8))) == ["an answer"] * 8
        assert len(used) == 1 and used.pop().endswith(" on two")
        health = made.health("complete")
        assert health is not None and health.state == "degraded"
