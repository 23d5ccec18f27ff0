"""A causal language model on the CPU, with the contract of the vLLM backend, by which a client can talk to either.

Answers are whole or in pieces, each piece is what is new, and the last one ends the response. A cancelled request ends
at its next token, or its next part of a prompt.
"""

import json
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a folder is all there is; nothing may be fetched
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import triton_python_backend_utils as pb_utils
from cpu_engine import Answering, Engine
from cpu_requests import Ask, BadRequest, sampling_of

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
LONGEST_PROMPT = 4 << 20  # bytes


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}

        def number(name, otherwise):
            return int(parameters.get(name) or otherwise)

        self.engine = Engine(
            parameters.get("model_dir") or os.environ.get("ASSAY_CODE_MODEL_DIR", ""),
            threads=number("threads", max(1, (os.cpu_count() or 2) - 1)),
            dtype=parameters.get("dtype") or "auto",
            max_model_len=number("max_model_len", 0),
            max_running=number("max_num_seqs", 4),
            max_waiting=number("max_queue_size", 32),
        )
        longest = self.engine.max_model_len
        pb_utils.Logger.log_info(f"[code_llm_cpu] ready, {longest} tokens of prompt and answer together")

    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            sink = Sink(sender)
            try:
                ask = _ask(request)
                sink.ask = ask
                if not self.engine.submit(Answering(ask, sink)):
                    sink.fail("Exceeds maximum queue size", pb_utils.TritonError.UNAVAILABLE)
            except BadRequest as error:
                sink.fail(str(error), pb_utils.TritonError.INVALID_ARG)
            except Exception as error:  # noqa: BLE001 one bad request must not end the instance
                sink.fail(f"Error generating stream: {type(error).__name__}")

    def finalize(self):
        self.engine.close()


class Sink:
    """Where an answer goes: one request's sender."""

    def __init__(self, sender):
        self._sender = sender
        self.ask = None

    def is_cancelled(self):
        return self._sender.is_cancelled()

    def send(self, text, count, *, reason, prompt_tokens):
        tensors = [_texts("text_output", text)]
        if self.ask.finish_reason:
            tensors.append(_texts("finish_reason", str(reason)))
        if self.ask.num_input_tokens:
            tensors.append(pb_utils.Tensor("num_input_tokens", np.array([prompt_tokens], dtype=np.uint32)))
        if self.ask.num_output_tokens:
            tensors.append(pb_utils.Tensor("num_output_tokens", np.array([count], dtype=np.uint32)))
        self._sender.send(pb_utils.InferenceResponse(tensors), flags=FINAL if reason else 0)

    def cancel(self):
        pb_utils.Logger.log_info("[code_llm_cpu] a request was cancelled")
        self._end(pb_utils.TritonError("Request was cancelled", pb_utils.TritonError.CANCELLED))

    def fail(self, message, code=None):
        pb_utils.Logger.log_warn(f"[code_llm_cpu] refused or failed: {message}")
        # The module gets its classes when the model is initialized, after this was read.
        self._end(pb_utils.TritonError(message, pb_utils.TritonError.INTERNAL if code is None else code))

    def _end(self, error):
        try:
            self._sender.send(pb_utils.InferenceResponse(error=error), flags=FINAL)
        except Exception as failed:  # noqa: BLE001 it had ended already
            pb_utils.Logger.log_warn(f"[code_llm_cpu] an error could not be sent: {type(failed).__name__}")


def _ask(request):
    given = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy().reshape(-1)
    if len(given) != 1 or len(given[0]) > LONGEST_PROMPT:
        raise BadRequest("text_input must be one text of at most 4 MB.")
    stream = _flag(request, "stream", False)
    exclude = _flag(request, "exclude_input_in_output", stream)
    if stream and not exclude:
        raise BadRequest("When streaming, `exclude_input_in_output` = False is not allowed.")
    tensor = pb_utils.get_input_tensor_by_name(request, "sampling_parameters")
    own = tensor is not None
    return Ask(
        prompt=given[0].decode("utf-8", "replace"),
        stream=stream,
        prepend=not exclude,
        finish_reason=_flag(request, "return_finish_reason", False),
        num_input_tokens=_flag(request, "return_num_input_tokens", False),
        num_output_tokens=_flag(request, "return_num_output_tokens", False),
        sampling=sampling_of(tensor.as_numpy().reshape(-1)[0] if own else request.parameters(), strict=own),
    )


def _flag(request, name, otherwise):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return otherwise if tensor is None else bool(tensor.as_numpy().reshape(-1)[0])


def _texts(name, text):
    return pb_utils.Tensor(name, np.array([text.encode("utf-8", "replace")], dtype=np.object_))
