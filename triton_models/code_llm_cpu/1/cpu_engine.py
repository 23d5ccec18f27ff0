"""Generation of several answers that take turns: a token each, or a part of a prompt."""

import contextlib
import json
import os
import threading
from collections import deque
from pathlib import Path

import torch
from cpu_requests import BadRequest
from cpu_text import Decoding, Stops
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, DynamicCache

PREFILL = 256
"""Tokens of a prompt at a time, between which others have their turn, and a cancelled one ends."""

LONGEST = 8192
"""Tokens of prompt and answer where nothing else is said: what a processor can take."""


class Answering:
    """One answer on its way. `sink` has `send(text, count, *, reason, prompt_tokens)`, `fail(message)` and
    `is_cancelled()`; whatever it raises ends this answer alone."""

    def __init__(self, ask, sink):
        self.ask = ask
        self.sink = sink
        self.cache = None
        self.prompt_tokens = 0
        self.fed = 0
        self.ids = []
        self.made = 0
        self.unsent = 0
        self.whole = []
        self.decoding = None
        self.stops = Stops(ask.sampling.stop, keep=ask.sampling.include_stop_str_in_output)
        self.random = torch.Generator()
        if ask.sampling.seed is not None:
            self.random.manual_seed(ask.sampling.seed % (1 << 63))
        else:
            self.random.seed()


class Engine:
    def __init__(self, folder, *, threads, dtype, max_model_len, max_running, max_waiting):
        torch.set_num_threads(threads)
        folder = _checked(folder)
        # Not by `AutoTokenizer`: it makes some anew by the kind of model, and then cuts a text otherwise than its file.
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=_dtype(folder, dtype), use_safetensors=True, local_files_only=True, trust_remote_code=False
        ).eval()
        made_for = getattr(self.model.config, "max_position_embeddings", None) or LONGEST
        self.max_model_len = min(max_model_len or LONGEST, made_for)
        self.ends = _ends(folder, self.model, self.tokenizer)
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._waiting = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="generate", daemon=True)
        self._thread.start()

    def submit(self, answering):
        """False when too many wait already."""
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                return False
            self._waiting.append(answering)
            self._changed.notify()
        return True

    def close(self):
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(5)

    def _work(self):
        running = []
        while True:
            with self._changed:
                while not running and not self._waiting and not self._stopping:
                    self._changed.wait()
                if self._stopping:
                    break
                while self._waiting and len(running) < self._max_running:
                    running.append(self._waiting.popleft())
                waiting = list(self._waiting)
            running = [one for one in running if self._turn(one)]
            # Whoever does not want to wait any longer makes room.
            gone = [one for one in waiting if one.sink.is_cancelled()]
            with self._changed:
                for one in gone:
                    self._waiting.remove(one)
            for one in gone:
                one.sink.cancel()
        for one in (*running, *self._waiting):
            one.sink.fail("The model is being unloaded.")

    def _turn(self, one):
        """Whether it wants another."""
        try:
            if one.sink.is_cancelled():
                one.sink.cancel()
                return False
            with torch.inference_mode():
                return self._step(one)
        except BadRequest as error:
            one.sink.fail(str(error))
        except Exception as error:  # noqa: BLE001 one answer must not end the others
            one.sink.fail(f"Error generating stream: {type(error).__name__}")
        return False

    def _step(self, one):
        if one.decoding is None:
            self._start(one)
        logits = self._feed(one)
        if logits is None:
            return True
        sampling = one.ask.sampling
        token = _choose(logits, one, self.ends if one.made < sampling.min_tokens else ())
        one.ids.append(token)
        one.made += 1
        one.unsent += 1
        if token in self.ends and not sampling.ignore_eos:
            text, _ = one.stops.add(one.decoding.rest())
            return self._send(one, text + one.stops.rest(), "stop")
        text, stopped = one.stops.add(one.decoding.add(token))
        if stopped:
            return self._send(one, text, "stop")
        if one.made >= sampling.max_tokens or len(one.ids) >= self.max_model_len:
            rest, stopped = one.stops.add(one.decoding.rest())
            return self._send(one, text + rest + one.stops.rest(), "stop" if stopped else "length")
        return self._send(one, text, None)

    def _start(self, one):
        one.ids = self.tokenizer.encode(one.ask.prompt).ids
        one.prompt_tokens = len(one.ids)
        if not one.ids:
            raise BadRequest("The prompt is empty.")
        if len(one.ids) >= self.max_model_len:
            raise BadRequest(
                f"The prompt is longer than the maximum model length of {self.max_model_len}: {len(one.ids)} tokens."
            )
        one.cache = DynamicCache(config=self.model.config)
        one.decoding = Decoding(self.tokenizer, skip_special_tokens=one.ask.sampling.skip_special_tokens)

    def _feed(self, one):
        """Bring the next tokens into the cache; what follows the last, when all are there."""
        part = one.ids[one.fed : one.fed + PREFILL]
        found = self.model(torch.tensor([part]), past_key_values=one.cache, use_cache=True, logits_to_keep=1)
        one.fed += len(part)
        return found.logits[0, -1].float() if one.fed == len(one.ids) else None

    def _send(self, one, text, reason):
        if not one.ask.stream:
            one.whole.append(text)
            text = "".join(one.whole) if reason else ""
            if reason and one.ask.prepend:
                text = one.ask.prompt + text
        if text or reason:
            one.sink.send(text, one.unsent, reason=reason, prompt_tokens=one.prompt_tokens)
            one.unsent = 0
        return reason is None


def _choose(logits, one, forbidden):
    sampling = one.ask.sampling
    for token in forbidden:
        logits[token] = -torch.inf
    if sampling.repetition_penalty != 1.0:  # Keskar et al. 2019, section 4.1
        seen = torch.tensor(sorted(set(one.ids)))
        logits[seen] = torch.where(
            logits[seen] > 0, logits[seen] / sampling.repetition_penalty, logits[seen] * sampling.repetition_penalty
        )
    if sampling.temperature < 1e-5:
        return int(logits.argmax())
    weights = torch.softmax(logits / sampling.temperature, -1)
    weights, order = weights.sort(descending=True)
    if sampling.top_k:
        weights[sampling.top_k :] = 0
    # Nucleus sampling, Holtzman et al. 2020: the token that passes the limit is still in.
    weights[(weights.cumsum(-1) - weights) > sampling.top_p] = 0
    weights[weights < sampling.min_p * weights[0]] = 0
    return int(order[torch.multinomial(weights, 1, generator=one.random)])


def _checked(folder):
    place = Path(folder)
    if not folder or not (place / "config.json").is_file():
        raise FileNotFoundError(
            f"There is no config.json in {folder or 'the model folder, which is not set'}: name a folder with a model "
            "of the Hugging Face format in the parameter model_dir, or in ASSAY_CODE_MODEL_DIR."
        )
    if not (place / "tokenizer.json").is_file():
        raise FileNotFoundError(f"{folder} has no tokenizer.json; save the model's fast tokenizer there.")
    if not any(place.glob("*.safetensors")):
        raise FileNotFoundError(f"{folder} has no *.safetensors; other weights can run code and are not loaded.")
    return place


def _dtype(folder, chosen):
    if chosen in ("float32", "bfloat16"):
        return getattr(torch, chosen)
    if chosen != "auto":
        raise ValueError("The parameter dtype must be float32, bfloat16 or auto.")
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return torch.float32 if size * 2 < memory / 2 else "auto"


def _ends(folder, model, tokenizer):
    """Tokens that end an answer: the model's own, and the tokenizer's."""
    found = set()
    for settings in (model.generation_config, model.config):
        value = getattr(settings, "eos_token_id", None)
        found.update(value if isinstance(value, list) else [] if value is None else [value])
    with contextlib.suppress(OSError, ValueError):
        token = json.loads((folder / "tokenizer_config.json").read_bytes()).get("eos_token")
        token = token.get("content") if isinstance(token, dict) else token
        found.update({tokenizer.token_to_id(token)} - {None} if isinstance(token, str) else ())
    return frozenset(found)
