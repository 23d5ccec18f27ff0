"""What a request asks for, checked. Everything in it may be hostile."""

import json
import math
from dataclasses import dataclass

_MOST_STOPS = 64
_LONGEST_STOP = 1_024  # characters
_LONGEST_JSON = 262_144  # bytes
_MOST_SEED = 1 << 63


class BadRequest(ValueError):
    """The message is for whoever sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    max_tokens: int = 16  # vLLM's own default
    min_tokens: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    include_stop_str_in_output: bool = False
    ignore_eos: bool = False
    skip_special_tokens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    prompt: str
    stream: bool
    prepend: bool
    """Whether the prompt comes before the answer."""
    finish_reason: bool
    num_input_tokens: bool
    num_output_tokens: bool
    sampling: Sampling


def sampling_of(text: bytes | str, *, strict: bool) -> Sampling:
    """From JSON.

    :param strict: refuse what is not known here. Parameters of the request itself, beside which a server puts its own,
        are read without.
    """
    if len(text) > _LONGEST_JSON:
        raise BadRequest("sampling_parameters are too long.")
    try:
        found = json.loads(text or "{}", parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest("sampling_parameters must be a JSON object.") from error
    if not isinstance(found, dict):
        raise BadRequest("sampling_parameters must be a JSON object.")
    if found.get("lora_name") is not None:
        raise BadRequest("LoRA feature is not enabled.")
    values = {}
    for name, value in found.items():
        if name in _READ:
            if value is not None:
                values[name] = _READ[name](name, value)
        elif strict and name != "lora_name":
            raise BadRequest(f"{_shown(name)} is not a sampling parameter of this model.")
    return Sampling(**values)


def _whole(low: int, high: int):
    def read(name, value):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadRequest(f"{name} must be a whole number from {low} to {high}.")
        return value

    return read


def _real(low: float, high: float, *, above: bool = False):
    def read(name, value):
        allowed = not isinstance(value, bool) and isinstance(value, int | float) and abs(value) <= 1e9
        if not allowed or not math.isfinite(value) or not low <= value <= high or (above and value == low):
            raise BadRequest(f"{name} must be a number {'above' if above else 'from'} {low:g} and up to {high:g}.")
        return float(value)

    return read


def _flag(name, value):
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.")
    return value


def _stops(name, value):
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or len(found) > _MOST_STOPS:
        raise BadRequest(f"{name} must be a text or a list of at most {_MOST_STOPS}.")
    if any(not isinstance(one, str) or not 0 < len(one) <= _LONGEST_STOP for one in found):
        raise BadRequest(f"{name} must have texts of 1 to {_LONGEST_STOP} characters.")
    return tuple(found)


def _top_k(name, value):
    return max(0, _whole(-1, 1 << 30)(name, value))  # -1 and 0 are all


def _no_constant(name):
    raise ValueError(name)


def _shown(name):
    return repr(name[:40])


_READ = {
    "max_tokens": _whole(1, 1 << 20),
    "min_tokens": _whole(0, 1 << 20),
    "temperature": _real(0, 100),
    "top_p": _real(0, 1, above=True),
    "top_k": _top_k,
    "min_p": _real(0, 1),
    "repetition_penalty": _real(0, 100, above=True),
    "seed": _whole(-_MOST_SEED, _MOST_SEED - 1),
    "stop": _stops,
    "include_stop_str_in_output": _flag,
    "ignore_eos": _flag,
    "skip_special_tokens": _flag,
}
