"""The model repository that ships: what its configurations say, and what its models do in the real server."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import psutil
import pytest
import tritonclient.grpc.aio as grpcclient
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tritonclient.grpc import model_config_pb2
from tritonclient.utils import InferenceServerException

from inference.ports import CompletionRequest, Finished, Usage
from inference.triton.embedder import TritonEmbedder
from inference.triton.endpoint import TritonEndpoint
from inference.triton.generator import TritonGenerator
from inference.triton.profiles import EMBEDDER, TENSORRT_LLM, VLLM, GeneratorProfile
from inference.tritonserver.launch import TritonServer
from retrieval.embedding.minilm import FOLDER, MiniLM
from tests.inference.triton.servers import MODELS, installation, regions_of, serving

TEXTS = [
    "",
    "def add(left, right):\n    return left + right\n",
    "Grüße, 日本語, \N{PARTY POPPER}",
    "class Room:\n" + "    name: str\n" * 200,
    "a",
]


def config(name: str) -> Any:
    return text_format.Parse((MODELS / name / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


@pytest.mark.parametrize("name", ["code_llm", "code_llm_cpu", "code_llm_trtllm", "embedder"])
def test_a_configuration_names_its_folder(name: str) -> None:
    assert config(name).name == name
    assert (MODELS / name / "1").is_dir()


@pytest.mark.parametrize(
    ("name", "profile"),
    [("code_llm", VLLM), ("code_llm_cpu", VLLM), ("code_llm_trtllm", TENSORRT_LLM)],
    ids=["vllm", "cpu", "trtllm"],
)
def test_a_code_model_has_what_the_client_sends_and_reads(name: str, profile: GeneratorProfile) -> None:
    found = config(name)
    assert profile.inputs <= {tensor.name for tensor in found.input}
    assert profile.outputs <= {tensor.name for tensor in found.output}
    needed = {tensor.name for tensor in found.input if not tensor.optional}
    assert needed <= profile.inputs
    assert (found.max_batch_size > 0) is profile.is_batched


def test_vllm_streams_and_reports() -> None:
    found = config("code_llm")
    assert found.backend == "vllm"
    assert found.model_transaction_policy.decoupled
    assert found.instance_group[0].kind == model_config_pb2.ModelInstanceGroup.KIND_MODEL
    assert found.parameters["REPORT_CUSTOM_METRICS"].string_value == "true"
    engine = json.loads((MODELS / "code_llm/1/model.json").read_text())
    assert engine["model"].startswith("Qwen/Qwen2.5-Coder-7B")
    assert engine["enable_prefix_caching"] is True
    assert engine["disable_log_stats"] is False  # without them there are no metrics
    if engine["enable_lora"]:  # the backend does not start without this file then
        assert json.loads((MODELS / "code_llm/1/multi_lora.json").read_text()) == {}


def test_the_embedder_takes_what_the_client_sends() -> None:
    found = config("embedder")
    assert [(tensor.name, list(tensor.dims)) for tensor in found.input] == [(EMBEDDER.texts, [1])]
    assert [(tensor.name, list(tensor.dims)) for tensor in found.output] == [(EMBEDDER.vectors, [384])]
    assert found.max_batch_size == EMBEDDER.most_texts
    assert found.dynamic_batching.priority_levels == 2
    assert found.dynamic_batching.default_queue_policy.max_queue_size > 0
    assert found.model_warmup


# Parts of `code_llm_cpu` that need no server.


def part(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"triton_{name}", MODELS / "code_llm_cpu/1" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bytes_tokenizer() -> Tokenizer:
    """A token for each byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    found = Tokenizer(models.BPE({letter: at for at, letter in enumerate(alphabet)}, []))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    return found


BYTES = bytes_tokenizer()


@settings(deadline=None)
@given(st.text())
def test_a_character_of_several_tokens_comes_whole(text: str) -> None:
    decoding = part("cpu_text").Decoding(BYTES, skip_special_tokens=True)
    pieces = [decoding.add(token) for token in BYTES.encode(text).ids]
    assert "".join(pieces) + decoding.rest() == text
    assert all("\ufffd" not in piece or "\ufffd" in text for piece in pieces)


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), max_size=40))
def test_bytes_that_are_no_text_are_given_as_the_tokenizer_does(ids: list[int]) -> None:
    decoding = part("cpu_text").Decoding(BYTES, skip_special_tokens=True)
    assert "".join(decoding.add(token) for token in ids) + decoding.rest() == BYTES.decode(ids)


@settings(deadline=None)
@given(st.lists(st.text("ab\n", max_size=3), max_size=12), st.lists(st.text("ab\n", min_size=1, max_size=4)))
def test_a_stop_cuts_however_the_pieces_fall(pieces: list[str], stops: list[str]) -> None:
    cut = part("cpu_text").Stops(tuple(stops), keep=False)
    sent, is_stopped = "", False
    for piece in pieces:
        text, is_stopped = cut.add(piece)
        sent += text
        if is_stopped:
            break
    sent += cut.rest()
    whole = "".join(pieces)
    if not is_stopped:
        assert sent == whole
        assert not any(stop in whole for stop in stops)
    assert not any(stop in sent for stop in stops)
    assert whole.startswith(sent)


BAD_SAMPLING = {
    "no JSON": "{",
    "no object": "[1]",
    "NaN": '{"temperature": NaN}',
    "an infinity": '{"temperature": 1e999}',
    "a negative": '{"max_tokens": -1}',
    "too many": '{"max_tokens": 99999999}',
    "a boolean for a number": '{"max_tokens": true}',
    "a text for a number": '{"temperature": "hot"}',
    "no mass left": '{"top_p": 0}',
    "an empty stop": '{"stop": [""]}',
    "stops that are no texts": '{"stop": [1]}',
    "a huge seed": '{"seed": 1e300}',
    "an adapter": '{"lora_name": "team"}',
    "what is not known": '{"guided_json": {}}',
    "deep": "[" * 100_000,
    "long": '{"stop": "' + "x" * 300_000 + '"}',
}


@pytest.mark.parametrize("text", BAD_SAMPLING.values(), ids=BAD_SAMPLING.keys())
def test_parameters_that_make_no_sense_are_refused(text: str) -> None:
    module = part("cpu_requests")
    with pytest.raises(module.BadRequest) as caught:
        module.sampling_of(text.encode(), strict=True)
    assert len(str(caught.value)) < 200


# In the real server.


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    maker = Path(__file__).with_name("make_tiny_model.py")
    python = installation(extra="transformers").python
    subprocess.run([python, "-I", maker, folder], check=True, capture_output=True, timeout=120)
    return folder


class Code:
    """One model over gRPC, without Assay's client."""

    def __init__(self, server: TritonServer, model: str = "code_llm_cpu") -> None:
        self._client = grpcclient.InferenceServerClient(f"127.0.0.1:{server.grpc}")
        self._model = model

    async def close(self) -> None:
        await self._client.close()

    async def stream(
        self, prompt: str, sampling: dict[str, Any], *, flags: Sequence[str] = (), stream: bool = True, raw: str = ""
    ) -> AsyncGenerator[dict[str, Any], None]:
        inputs = [_text("text_input", prompt), _flag("stream", stream)]
        inputs.append(_text("sampling_parameters", raw or json.dumps(sampling)))
        inputs += [_flag(name, True) for name in flags]

        async def requests() -> AsyncGenerator[dict[str, Any], None]:
            yield {"model_name": self._model, "inputs": inputs}

        call = self._client.stream_infer(requests(), stream_timeout=60)
        try:
            async for result, error in call:
                if error:
                    raise error
                names = [output.name for output in result.get_response().outputs]
                yield {name: _plain(result.as_numpy(name)) for name in names}
                if result.get_response().parameters["triton_final_response"].bool_param:
                    return
        finally:
            call.cancel()

    async def whole(self, prompt: str, sampling: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        return [each async for each in self.stream(prompt, sampling, **more)]


def _plain(values: Any) -> Any:
    (value,) = values.reshape(-1)
    return value.decode() if isinstance(value, bytes) else int(value)


def _text(name: str, text: str) -> Any:
    tensor = grpcclient.InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([text.encode()], dtype=object))
    return tensor


def _flag(name: str, value: bool) -> Any:
    tensor = grpcclient.InferInput(name, [1], "BOOL")
    tensor.set_data_from_numpy(np.array([value]))
    return tensor


async def test_the_random_model_says_what_transformers_says(tiny: Path, tmp_path: Path) -> None:
    """The prompt is longer than what is read at a time, so that the cache is filled in parts."""
    reference = json.loads((tiny / "reference.json").read_text())
    env = {"ASSAY_CODE_MODEL_DIR": str(tiny / "random")}
    flags = ("return_finish_reason", "return_num_input_tokens", "return_num_output_tokens")
    async with serving(MODELS, ["code_llm_cpu"], tmp_path, env=env) as server:
        code = Code(server)
        greedy = {"max_tokens": reference["tokens"], "temperature": 0, "ignore_eos": True}
        pieces = await code.whole(reference["prompt"], greedy, flags=flags)
        assert "".join(piece["text_output"] for piece in pieces) == reference["text"]
        assert [piece["finish_reason"] for piece in pieces] == ["None"] * (len(pieces) - 1) + ["length"]
        assert {piece["num_input_tokens"] for piece in pieces} == {reference["prompt_tokens"]}
        assert sum(piece["num_output_tokens"] for piece in pieces) == reference["tokens"]
        (at_once,) = await code.whole(reference["prompt"], greedy, stream=False)
        assert at_once["text_output"] == reference["prompt"] + reference["text"]
        sampled = {"max_tokens": 20, "temperature": 1.5, "top_p": 0.9, "seed": 11, "ignore_eos": True}
        first, second = await asyncio.gather(code.whole("def ", sampled), code.whole("def ", sampled))
        assert first == second
        assert first != await code.whole("def ", {**sampled, "seed": 12})
        for raw in ("{", '{"max_tokens": -1}', '{"lora_name": "team"}'):
            with pytest.raises(InferenceServerException):
                await code.whole("def ", {}, raw=raw)
        with pytest.raises(InferenceServerException, match="longer than the maximum"):
            await code.whole("x = 1\n" * 2_000, greedy)
        await code.close()


async def test_answers_take_turns_stop_and_are_cancelled(tiny: Path, tmp_path: Path) -> None:
    env = {"ASSAY_CODE_MODEL_DIR": str(tiny / "chain")}
    pop = "\N{PARTY POPPER}"
    async with serving(MODELS, ["code_llm_cpu"], tmp_path, env=env) as server:
        code = Code(server)
        greedy = {"temperature": 0, "max_tokens": 24}
        pieces = [piece["text_output"] for piece in await code.whole(pop, greedy)]
        assert pieces == ["ö", pop] * 4  # six tokens for the two of them
        stopped = await code.whole(pop, {**greedy, "stop": [f"{pop}ö"]}, flags=("return_finish_reason",))
        assert "".join(piece["text_output"] for piece in stopped) == "ö"
        assert stopped[-1]["finish_reason"] == "stop"

        # By Assay's own client.
        endpoint = TritonEndpoint(url=f"grpc://127.0.0.1:{server.grpc}", model="code_llm_cpu")
        generator = TritonGenerator(endpoint)
        finished: list[Finished] = []
        request = CompletionRequest(prompt=pop, max_tokens=24, stop=("x",))
        own = [piece async for piece in generator.complete(request, on_finish=finished.append)]
        await generator.close()
        assert "".join(own) == f"ö{pop}" * 4
        assert len(own) > 1
        assert [(each.reason, each.usage) for each in finished] == [("length", Usage(prompt=4, completion=24))]

        # A second answer begins, and ends, while the first one is on its way.
        long = code.stream(pop, {"temperature": 0, "max_tokens": 1_500})
        await anext(long)
        await code.whole(pop, greedy)
        rest = [piece["text_output"] async for piece in long]
        assert "ö" + "".join(rest) == f"ö{pop}" * 250

        # A cancelled one ends early: the log of the model says so.
        before = time.monotonic()
        cancelled = code.stream(pop, {"temperature": 0, "max_tokens": 1_900})
        await anext(cancelled)
        await cancelled.aclose()
        while "a request was cancelled" not in server.log.read_text():
            assert time.monotonic() - before < 30
            await asyncio.sleep(0.01)
        await code.close()


async def test_more_than_the_queue_holds_is_refused(tiny: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models"
    shutil.copytree(MODELS / "code_llm_cpu", repository / "code_llm_cpu")
    file = repository / "code_llm_cpu/config.pbtxt"
    limits = {'"max_num_seqs" value: { string_value: "4"': "1", '"max_queue_size" value: { string_value: "32"': "1"}
    text = file.read_text()
    for old, new in limits.items():
        assert old in text
        text = text.replace(old, f'{old.rsplit(" ", 1)[0]} "{new}"')
    file.write_text(text)
    async with serving(
        repository, ["code_llm_cpu"], tmp_path, env={"ASSAY_CODE_MODEL_DIR": str(tiny / "chain")}
    ) as server:
        code = Code(server)
        busy = {"temperature": 0, "max_tokens": 600}
        answers = await asyncio.gather(*(code.whole("ö", busy) for _ in range(6)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert 1 <= len(refused) < 6
        assert all("Exceeds maximum queue size" in str(each) for each in refused)
        assert {len(answer) for answer in answers if not isinstance(answer, BaseException)} == {200}
        await code.close()


async def test_the_served_embedder_gives_the_vectors_of_the_local_one(tmp_path: Path) -> None:
    local = MiniLM()
    expected = await local.embed(TEXTS)
    await local.close()
    async with serving(MODELS, ["embedder"], tmp_path, env={"ASSAY_EMBEDDER_DIR": str(FOLDER)}) as server:
        client = grpcclient.InferenceServerClient(f"127.0.0.1:{server.grpc}")

        async def embed(texts: list[str]) -> Any:
            tensor = grpcclient.InferInput(EMBEDDER.texts, [len(texts), 1], "BYTES")
            tensor.set_data_from_numpy(np.array([[text.encode()] for text in texts], dtype=object))
            return (await client.infer("embedder", [tensor], client_timeout=30)).as_numpy(EMBEDDER.vectors)

        np.testing.assert_allclose(await embed(TEXTS), expected, atol=1e-5)
        # By Assay's own client.
        endpoint = TritonEndpoint(url=f"grpc://127.0.0.1:{server.grpc}", model="embedder")
        embedder = TritonEmbedder(endpoint, revision="1", dimension=384)
        np.testing.assert_allclose(await embedder.embed(TEXTS), expected, atol=1e-5)
        await embedder.close()
        # What others ask at the same time changes nothing.
        many = await asyncio.gather(*(embed(TEXTS) for _ in range(8)), *(embed(["x" * at]) for at in range(1, 9)))
        for vectors in many[:8]:
            np.testing.assert_array_equal(vectors, many[0])
        await client.close()


async def test_the_name_for_tensorrt_llm_passes_a_stream_on(tmp_path: Path) -> None:
    """Below it is a stand-in that has all inputs and outputs of `tensorrt_llm_bls`."""
    repository = tmp_path / "models"
    (repository / "code_llm_trtllm/1").mkdir(parents=True)
    (repository / "code_llm_trtllm/config.pbtxt").write_text((MODELS / "code_llm_trtllm/config.pbtxt").read_text())
    below = config("code_llm_trtllm")
    below.name, below.platform, below.backend = "tensorrt_llm_bls", "", "python"
    below.ClearField("ensemble_scheduling")
    below.model_transaction_policy.decoupled = True
    (repository / "tensorrt_llm_bls/1").mkdir(parents=True)
    (repository / "tensorrt_llm_bls/config.pbtxt").write_text(text_format.MessageToString(below))
    (repository / "tensorrt_llm_bls/1/model.py").write_text(STAND_IN)
    async with serving(repository, ["code_llm_trtllm"], tmp_path) as server:
        client = grpcclient.InferenceServerClient(f"127.0.0.1:{server.grpc}")

        async def requests() -> AsyncGenerator[dict[str, Any], None]:
            inputs = [grpcclient.InferInput(TENSORRT_LLM.prompt, [1, 1], "BYTES")]
            inputs[0].set_data_from_numpy(np.array([[b"hello"]], dtype=object))
            inputs.append(grpcclient.InferInput(TENSORRT_LLM.max_tokens, [1, 1], "INT32"))
            inputs[1].set_data_from_numpy(np.array([[3]], dtype=np.int32))
            outputs = [grpcclient.InferRequestedOutput(name) for name in TENSORRT_LLM.asked_outputs]
            yield {"model_name": "code_llm_trtllm", "inputs": inputs, "outputs": outputs}

        call = client.stream_infer(requests(), stream_timeout=30)
        found: list[str] = []
        async for result, error in call:
            assert error is None
            if (texts := result.as_numpy(TENSORRT_LLM.text)) is not None:
                found.append(_plain(texts))
            if result.get_response().parameters["triton_final_response"].bool_param:
                break
        call.cancel()
        await client.close()
        assert found == ["hello0", "hello1", "hello2"]
        endpoint = TritonEndpoint(
            url=f"grpc://127.0.0.1:{server.grpc}", model="code_llm_trtllm", profile="tensorrt_llm"
        )
        generator = TritonGenerator(endpoint)
        request = CompletionRequest(prompt="hi", max_tokens=2, stop=("x", "y"))
        assert [piece async for piece in generator.complete(request)] == ["hi0", "hi1"]
        await generator.close()


STAND_IN = """
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            text = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy().reshape(-1)[0]
            count = int(pb_utils.get_input_tensor_by_name(request, "max_tokens").as_numpy().reshape(-1)[0])
            sender = request.get_response_sender()
            for at in range(count):
                said = np.array([text + str(at).encode()], dtype=object)
                last = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL if at == count - 1 else 0
                sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("text_output", said)]), flags=last)
"""


async def test_a_model_without_its_folder_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"config\.json"):
        async with serving(MODELS, ["code_llm_cpu"], tmp_path):
            pass


async def test_a_server_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    async with serving(MODELS, ["embedder"], tmp_path, env={"ASSAY_EMBEDDER_DIR": str(FOLDER)}) as server:
        processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        regions = regions_of(server)
        assert len(processes) > 1
        assert regions
        os.kill(server.pid, signal.SIGKILL)  # it has no chance to clean up
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive
    assert not any(region.exists() for region in regions)
