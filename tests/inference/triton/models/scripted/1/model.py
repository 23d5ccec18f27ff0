"""What the vLLM backend promises on the wire, with answers that the prompt decides.

A prompt that is a JSON object is a script, and any other is said again:

    say       the text of the answer; `pieces` is how many characters come at once (8)
    raw       pieces as base64, in place of `say`: bytes that need not be text
    first     seconds before the first piece, `delay` before each one
    hold      seconds for which nothing else is executed, so that a queue fills behind it
    stuck     after so many pieces nothing more comes
    error     fails with this message, after `say`
    final     "flag" (with the last piece), "empty" (a response without text), "none" (it never ends)
    answer    fields that replace those of each response: `finish_reason`, `counts`, `two`, `nothing`
    record    a file to which one line of JSON is added when the request has come, and one when it has ended
    name      of the request in that file
    exit      the process of the model ends, after so many pieces

The profile of the TensorRT-LLM ensemble has other names for its inputs, and answers as it does.
"""

import asyncio
import base64
import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
LORAS = {"house-style"}
LOOK = 0.002  # seconds between two looks at whether the request is cancelled; vLLM looks at each token


def given(request, name, default):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return default if tensor is None else tensor.as_numpy().reshape(-1)[0]


def text_tensor(name, value):
    return pb_utils.Tensor(name, np.array([value], dtype=np.object_))


class Cancelled(Exception):
    pass


class TritonPythonModel:
    def initialize(self, args):
        self.batched = json.loads(args["model_config"])["max_batch_size"] > 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def execute(self, requests):
        for request in requests:
            prompt = given(request, "text_input", b"")
            script = parsed(prompt)
            work = self.answer(request, request.get_response_sender(), prompt, script)
            running = asyncio.run_coroutine_threadsafe(work, self.loop)
            if script.get("hold"):
                until = time.monotonic() + script["hold"]
                while time.monotonic() < until and not running.done():
                    time.sleep(LOOK)
        return

    async def answer(self, request, sender, prompt, script):
        wrote = 0
        try:
            sampling = json.loads(given(request, "sampling_parameters", b"{}"))
            if "stream" in sampling or sampling.get("bad"):
                raise ValueError("Unexpected keyword argument")
            lora = sampling.get("lora_name")
            if lora is not None and lora not in LORAS:
                raise ValueError(f"LoRA {lora} is not supported, we currently support {sorted(LORAS)}")
            if bool(given(request, "stream", False)) and not bool(given(request, "exclude_input_in_output", True)):
                raise ValueError("When streaming, `exclude_input_in_output` = False is not allowed.")
            note(script, "came", request, sampling)
            most = int(sampling.get("max_tokens", given(request, "max_tokens", 16)))
            pieces, is_whole = split(prompt, script, most)
            await self.wait(sender, script.get("first", 0.0))
            for at, piece in enumerate(pieces):
                await self.wait(sender, script.get("delay", 0.0))
                if at == script.get("stuck"):
                    await self.wait(sender, 3600)
                if at == script.get("exit"):
                    os._exit(1)
                is_last = at == len(pieces) - 1 and not script.get("error")
                response = self.response(request, piece, is_last, is_whole, len(pieces), script)
                is_flagged = is_last and script.get("final", "flag") == "flag"
                sender.send(response, flags=FINAL if is_flagged else 0)
                wrote += 1
            if script.get("error"):
                raise ValueError(script["error"])
            if script.get("final") == "empty":
                sender.send(flags=FINAL)
            if script.get("final") == "none":
                await self.wait(sender, 3600)
            note(script, "done", request, {"pieces": wrote})
        except Cancelled:
            note(script, "cancelled", request, {"pieces": wrote})
            error = pb_utils.TritonError("Request was cancelled", pb_utils.TritonError.CANCELLED)
            sender.send(pb_utils.InferenceResponse(error=error), flags=FINAL)
        except ValueError as problem:
            error = pb_utils.TritonError(f"Error generating stream: {problem}")
            sender.send(pb_utils.InferenceResponse(error=error), flags=FINAL)

    async def wait(self, sender, seconds):
        """As long as that; ends as soon as the request is cancelled."""
        until = time.monotonic() + seconds
        while True:
            if sender.is_cancelled():
                raise Cancelled
            left = until - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(LOOK, left))

    def response(self, request, piece, is_last, is_whole, count, script):
        told = script.get("answer", {})
        if told.get("nothing"):
            return pb_utils.InferenceResponse(output_tensors=[])
        texts = [piece, piece] if told.get("two") else [piece]
        tensors = [pb_utils.Tensor("text_output", np.array(texts, dtype=np.object_))]
        if given(request, "return_finish_reason", False):
            reason = told.get("finish_reason", "stop" if is_whole else "length") if is_last else "None"
            tensors.append(text_tensor("finish_reason", reason.encode()))
        if given(request, "return_num_input_tokens", False):
            tensors.append(pb_utils.Tensor("num_input_tokens", np.array([told.get("counts", 5)], dtype=np.uint32)))
        if given(request, "return_num_output_tokens", False):
            tensors.append(pb_utils.Tensor("num_output_tokens", np.array([told.get("counts", 1)], dtype=np.uint32)))
        return pb_utils.InferenceResponse(output_tensors=tensors)

    def finalize(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(2)


def parsed(prompt):
    try:
        script = json.loads(prompt)
    except ValueError:
        return {}
    return script if isinstance(script, dict) else {}


def split(prompt, script, most):
    """The answer's pieces of bytes, as many as tokens were asked for, and whether that is all of it."""
    if "raw" in script:
        pieces = [base64.b64decode(piece) for piece in script["raw"]]
    else:
        text = script.get("say", prompt.decode("utf-8", "replace"))
        size = script.get("pieces", 8)
        pieces = [text[at : at + size].encode() for at in range(0, len(text), size)] or [b""]
    most = len(pieces) if script.get("too_much") else most
    return pieces[:most], len(pieces) <= most


def note(script, event, request, more):
    if "record" in script:
        fields = {"event": event, "name": script.get("name", ""), "at": time.monotonic(), "more": more}
        parameters = json.loads(request.parameters() or "{}")
        line = json.dumps({**fields, "parameters": parameters, "timeout": request.timeout()})
        with Path(script["record"]).open("a") as file:
            file.write(line + "\n")
