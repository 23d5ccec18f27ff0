"""Which names the tensors of a model have. A test holds the configurations in triton_models to them.

Sources: `vllm_backend` (src/model.py, `auto_complete_config`), and the ensemble of TensorRT-LLM's
`triton_backend/all_models/inflight_batcher_llm/ensemble/config.pbtxt`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorProfile:
    """Names of inputs and outputs; empty where the model has none."""

    is_batched: bool
    """Whether every shape begins with the size of a batch, which is 1 here."""
    prompt: str = "text_input"
    stream: str = "stream"
    sampling: str = ""
    """JSON with all that follows, and the adapter's name, where it is not in tensors of its own."""
    exclude_prompt: str = ""
    max_tokens: str = ""
    temperature: str = ""
    stops: str = ""
    return_reason: str = ""
    return_prompt_count: str = ""
    return_count: str = ""
    text: str = "text_output"
    reason: str = ""
    prompt_count: str = ""
    count: str = ""
    """Tokens of this response, not of all so far."""
    asked_outputs: tuple[str, ...] = ()
    """Those to name in a request; empty is all that the model gives."""

    @property
    def inputs(self) -> frozenset[str]:
        request = (self.prompt, self.stream, self.sampling, self.exclude_prompt)
        sampling = (self.max_tokens, self.temperature, self.stops)
        asked = (self.return_reason, self.return_prompt_count, self.return_count)
        return frozenset((*request, *sampling, *asked)) - {""}

    @property
    def outputs(self) -> frozenset[str]:
        return frozenset({self.text, self.reason, self.prompt_count, self.count}) - {""}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderProfile:
    texts: str = "TEXT"
    vectors: str = "EMBEDDING"
    most_texts: int = 32
    """In one request."""


VLLM = GeneratorProfile(
    is_batched=False,
    sampling="sampling_parameters",
    exclude_prompt="exclude_input_in_output",
    return_reason="return_finish_reason",
    return_prompt_count="return_num_input_tokens",
    return_count="return_num_output_tokens",
    reason="finish_reason",
    prompt_count="num_input_tokens",
    count="num_output_tokens",
)
"""All that is optional there is asked for, but what `TritonEndpoint.asks_usage` turns off."""

TENSORRT_LLM = GeneratorProfile(
    is_batched=True,
    max_tokens="max_tokens",
    temperature="temperature",
    stops="stop_words",
    # Not the logits, which are megabytes.
    asked_outputs=("text_output",),
)
"""What all releases of the ensemble have, and `tensorrt_llm_bls` too. A stream holds no prompt there in any case, and
says neither why it ended nor how many tokens it was."""

EMBEDDER = EmbedderProfile()

PROFILES = {"vllm": VLLM, "tensorrt_llm": TENSORRT_LLM}
