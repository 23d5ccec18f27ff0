"""Calls of one Triton over gRPC. Only this module imports `grpc` and `tritonclient`, and late: they take 0.3 s.

Of `tritonclient` it takes the protocol and its stub. The client on top of them says neither how a stream ended nor asks
for a last response that is empty, and turns every text into an array of NumPy's and back.

What a server may do to us is bounded here: no proxy from the environment, largest sizes, and a limit of time on every
wait.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any, NoReturn

from inference.deadline import Deadline
from inference.errors import BackendUnavailable, BrokenStream, InferenceError, TimedOut
from inference.ports import CallHeaders
from inference.resilience.retry import Again, with_retries
from inference.triton.endpoint import TritonEndpoint
from inference.triton.failures import Failure, ended, failed, late, refused, silent
from inference.triton.line import Line, Stream, Watch
from inference.triton.tensors import Received, Tensor

_DRAIN_SECONDS = 0.2  # to wait for the server's end of a stream whose answer is whole
_MICROSECONDS = 1_000_000
_MOST_QUEUE_SECONDS = 86_400.0


_MASK = "Internal error from Core"  # what grpc.aio says when a call has ended while it writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """A request to the endpoint's model."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...] = ()
    """Those that are wanted; empty is all."""
    priority: int = 0
    """1 comes first; models without levels of priority take no notice. 0 is the model's default."""


class Answer:
    """A response; of a stream, one of several. It looks into what came when it is asked: most of what comes with a
    piece of text is not needed."""

    __slots__ = ("_response", "is_final")

    def __init__(self, response: Any) -> None:
        self._response = response
        parameters = response.parameters
        self.is_final: bool = "triton_final_response" in parameters and parameters["triton_final_response"].bool_param

    @property
    def is_empty(self) -> bool:
        """As a last one may be, which says only that it is the last."""
        return not self._response.outputs

    @property
    def version(self) -> str:
        """Of the model."""
        return self._response.model_version

    def get(self, name: str) -> Received | None:
        data = self._response.raw_output_contents
        for at, output in enumerate(self._response.outputs):
            if output.name == name:
                return Received(output.datatype, output.shape, data[at] if at < len(data) else b"")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    name: str
    version: str
    """Empty when none was ever loaded."""
    state: str
    """READY, LOADING, UNLOADING or UNAVAILABLE; empty when it was never loaded."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    server: str
    """Its version."""
    models: tuple[ServedModel, ...]
    inputs: tuple[str, ...] = ()
    """Of the endpoint's model; empty when that is not ready."""
    outputs: tuple[str, ...] = ()


class Channel:
    """A connection that is made when it is first needed, and anew when nothing comes through it any more. Its methods
    raise `InferenceError` and nothing else.

    :param call_headers: asked once for each call.
    :raises ValueError: when the certificates cannot be read.
    :raises BackendUnavailable: when the client's library is not installed.
    """

    def __init__(self, endpoint: TritonEndpoint, *, call_headers: CallHeaders = dict) -> None:
        self._sdk = _sdk()
        self._endpoint = endpoint
        self._credentials = _credentials(self._sdk, endpoint) if endpoint.is_tls else None
        self._call_headers = call_headers
        self._line: Line | None = None
        self._is_closed = False

    @property
    def endpoint(self) -> TritonEndpoint:
        return self._endpoint

    async def infer(self, request: Inference, deadline: Deadline) -> Answer:
        """The only response of a model that is not decoupled."""
        return Answer(await self._asked("ModelInfer", self._message(request, deadline), deadline))

    async def stream(self, request: Inference, deadline: Deadline) -> AsyncGenerator[Answer, None]:
        """Responses as they come, the final one the last. Closing the generator cancels the work at the model."""
        message = self._message(request, deadline)
        # Else the end of a stream whose last response has no text cannot be told from one that broke off.
        message.parameters["triton_enable_empty_final_response"].bool_param = True

        async def attempt() -> tuple[Line, Stream, Watch, Answer]:
            line = self._current()
            headers = self._headers()
            call = line.open_stream(message, headers, deadline)
            watch = Watch(call, deadline)
            try:
                return line, call, watch, await self._next(line, call, watch, self._endpoint.first_seconds)
            except BaseException as error:
                watch.end()
                await line.end(call)
                if isinstance(error, _Masked):
                    await self._unmask(message, headers, deadline)
                raise

        line, call, watch, answer = await with_retries(attempt, attempts=self._endpoint.attempts, left=deadline.left)
        try:
            while True:
                yield answer
                if answer.is_final:
                    break
                try:
                    answer = await self._next(line, call, watch, self._endpoint.idle_seconds)
                except Again as again:
                    raise again.error from again.__cause__  # there is no other attempt after a first response
            await self._drain(call)
        finally:
            watch.end()
            await line.end(call)

    async def describe(self, deadline: Deadline) -> Described:
        """What the server says of itself and its models; a model whose process is dead is ready to it."""
        protocol, endpoint = self._sdk.protocol, self._endpoint
        server = await self._asked("ServerMetadata", protocol.ServerMetadataRequest(), deadline)
        index = await self._asked("RepositoryIndex", protocol.RepositoryIndexRequest(), deadline)
        models = tuple(
            ServedModel(name=model.name, version=model.version, state=model.state, reason=model.reason)
            for model in index.models
        )
        inputs: tuple[str, ...] = ()
        outputs: tuple[str, ...] = ()
        if any(model.name == endpoint.model and model.state == "READY" for model in models):
            wanted = protocol.ModelMetadataRequest(name=endpoint.model, version=endpoint.version)
            model = await self._asked("ModelMetadata", wanted, deadline)
            inputs, outputs = tuple(item.name for item in model.inputs), tuple(item.name for item in model.outputs)
        return Described(server=server.version, models=models, inputs=inputs, outputs=outputs)

    async def close(self) -> None:
        """Streams that run end with an error."""
        self._is_closed = True
        if line := self._line:
            self._line = None
            await line.close()

    async def _asked(self, method: str, message: Any, deadline: Deadline) -> Any:
        """The answer of a method that has one."""

        async def attempt() -> Any:
            line = self._current()
            call = line.begin(method, message, self._headers(), deadline)
            began = time.monotonic()
            try:
                async with asyncio.timeout(deadline.left()):
                    answer = await call
                line.heard = time.monotonic()
                return answer
            except TimeoutError as error:
                self._doubt(line, began)
                raise late(self._endpoint, deadline.seconds).error from error
            except self._sdk.Error as error:
                raise self._translated(line, error, deadline) from error
            except asyncio.CancelledError as error:
                self._must_be_open(error)
                raise
            finally:
                await line.end(call)

        return await with_retries(attempt, attempts=self._endpoint.attempts, left=deadline.left)

    async def _unmask(self, message: Any, headers: tuple[tuple[str, str], ...], deadline: Deadline) -> NoReturn:
        """Raises why the server refused a stream before all of its request was written."""
        line = self._current()
        call = line.begin_whole(message, headers, deadline)
        watch = Watch(call, deadline)
        try:
            await self._next(line, call, watch, self._endpoint.first_seconds)
            raise Again(ended(self._endpoint).error)  # it has changed its mind
        finally:
            watch.end()
            await line.end(call)

    async def _next(self, line: Line, call: Stream, watch: Watch, seconds: float) -> Answer:
        """The next response of a stream.

        :param seconds: the longest time to it. It starts here, and not when the one before came: the reader may have
            taken its time.
        """
        began = time.monotonic()
        watch.begin(began + seconds)
        try:
            message = await call.read()
        except self._sdk.Error as error:
            if error.details() == _MASK:
                raise _Masked(f"{self._endpoint.name} broke off the request; ask again.") from error
            raise self._translated(line, error, watch.deadline) from error
        except asyncio.CancelledError as error:
            self._must_be_open(error)
            if not watch.is_over or _is_cancelled():
                raise
            self._doubt(line, began)
            is_late = watch.deadline.left() <= 0
            failure = late(self._endpoint, watch.deadline.seconds) if is_late else silent(self._endpoint, seconds)
            raise failure.error from error
        finally:
            watch.rest()
        if message is self._sdk.EOF:
            raise ended(self._endpoint).error
        line.heard = time.monotonic()
        if message.error_message:
            # The server's own refusals have nothing beside them, and a model's errors have the mark of an end.
            is_by_model = "triton_final_response" in message.infer_response.parameters
            raise _raised(refused(self._endpoint, message.error_message, is_by_model=is_by_model))
        return Answer(message.infer_response)

    async def _drain(self, call: Stream) -> None:
        """The answer is whole, so nothing that goes wrong here matters. Cancelling a stream while its server ends it is
        what has set Triton's streams into disorder."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                call.finish()
                while await call.read() is not self._sdk.EOF:
                    pass
        except (TimeoutError, self._sdk.Error):
            pass

    def _message(self, request: Inference, deadline: Deadline) -> Any:
        endpoint, message = self._endpoint, self._sdk.protocol.ModelInferRequest()
        message.model_name, message.model_version = endpoint.model, endpoint.version
        for tensor in request.inputs:
            message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            message.raw_input_contents.append(tensor.data)
        for name in request.outputs:
            message.outputs.add(name=name)
        if request.priority:
            message.parameters["priority"].uint64_param = request.priority
        queue = min(endpoint.queue_seconds or _MOST_QUEUE_SECONDS, max(0.0, deadline.left()))
        message.parameters["timeout"].int64_param = max(1, int(queue * _MICROSECONDS))
        return message

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return (*self._endpoint.sent_headers, *self._call_headers().items())

    def _current(self) -> Line:
        if self._is_closed:
            raise BackendUnavailable(f"The connection to {self._endpoint.name} is closed; ask after a restart.")
        if self._line is None:
            self._line = Line(self._sdk, self._endpoint, self._credentials)
        return self._line

    def _doubt(self, line: Line, since: float) -> None:
        """Leave a connection through which nothing came: of one that is half open, neither end ever hears."""
        if line.heard < since:
            self._leave(line)

    def _leave(self, line: Line) -> None:
        line.is_left = True
        if self._line is line:
            self._line = None

    def _translated(self, line: Line, error: Any, deadline: Deadline) -> Again | InferenceError:
        failure = failed(self._endpoint, error.code().name, error.details() or "", seconds=deadline.seconds)
        if failure.is_unreachable or isinstance(failure.error, BrokenStream):
            self._leave(line)  # a new one tries at once, and this one only after a while
        elif isinstance(failure.error, TimedOut):
            self._doubt(line, deadline.at - deadline.seconds)
        return _raised(failure)

    def _must_be_open(self, error: asyncio.CancelledError) -> None:
        """gRPC cancels the reader of a stream whose connection is closed; only its own task's end may look so."""
        if self._is_closed and not _is_cancelled():
            raise BackendUnavailable(f"The connection to {self._endpoint.name} was closed.") from error


class _Masked(BrokenStream):
    """The server ended a call while its request was written, and its reason is lost."""


def _is_cancelled() -> bool:
    """Whether the task itself is, and not a call that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _raised(failure: Failure) -> Again | InferenceError:
    return Again(failure.error) if failure.is_passing else failure.error


def load() -> None:
    """Import what a connection needs: 0.3 s, which may be spent in another thread before there is one.

    :raises BackendUnavailable: when it is not installed.
    """
    _sdk()


@cache
def _sdk() -> Any:
    """The libraries, whose types are known to no checker."""
    # gRPC's core writes each failed handshake to stderr. It reads this once, while it is imported.
    is_told = "GRPC_VERBOSITY" in os.environ
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        import grpc
        from grpc import aio
        from tritonclient.grpc import (  # pyright: ignore[reportMissingTypeStubs]
            service_pb2,
            service_pb2_grpc,
        )
    except ImportError as error:
        raise BackendUnavailable("The client for Triton is not installed; install assay[team].") from error
    finally:
        if not is_told:
            del os.environ["GRPC_VERBOSITY"]
    asyncio_api: Any = aio
    return SimpleNamespace(
        grpc=grpc,
        aio=asyncio_api,
        protocol=service_pb2,
        Stub=service_pb2_grpc.GRPCInferenceServiceStub,
        Error=asyncio_api.AioRpcError,
        EOF=asyncio_api.EOF,
    )


def _credentials(sdk: Any, endpoint: TritonEndpoint) -> Any:
    try:
        # gRPC finds out only when it connects, and says it on stderr.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if endpoint.ca:
            context.load_verify_locations(endpoint.ca)
        if endpoint.certificate:
            # A key that needs a password would be asked for on the terminal, which is the editor's.
            context.load_cert_chain(endpoint.certificate, endpoint.certificate_key, password=_no_password)
        key = endpoint.certificate_key or endpoint.certificate
        return sdk.grpc.ssl_channel_credentials(
            endpoint.ca.read_bytes() if endpoint.ca else None,
            key.read_bytes() if key else None,
            endpoint.certificate.read_bytes() if endpoint.certificate else None,
        )
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ValueError("The certificates of the model's endpoint cannot be read; check the three paths.") from error


def _no_password() -> str:
    raise ValueError("a key that needs a password")
