"""The JSON-RPC and life-cycle layer: pygls 2.1.1 with its defects mended.

What this class holds, each with a test in tests/server that also shows the defect in stock pygls:

- every request gets exactly one response: undecodable ones too, and those before `initialize` or after `shutdown`;
- `$/cancelRequest` stops the handler it names, of `workspace/executeCommand` as well;
- only the envelope of a message is looked at: an inner `jsonrpc` key means nothing, custom methods get raw values;
- nothing is kept per notification;
- no traceback, path or exception text reaches the client;
- requests of the client and of the server have ids of their own, so neither can end the other's.

It relies on private parts of pygls (`fm`, `_server`, `_converter`, `_send_data`); that is why the version is pinned.
"""

# pygls is only partly typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import json
import logging
import uuid
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lsprotocol import types as lsp
from pygls.capabilities import ServerCapabilitiesBuilder
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method

from server.decode import reason
from server.errors import to_response_error
from server.extras import DECODERS
from server.log import log_failure
from server.transport import MAX_UNREAD, Outbox, frame

if TYPE_CHECKING:
    from cattrs import Converter

    from server.app import AssayServer

T = TypeVar("T")

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
SERVER_NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800

_logger = logging.getLogger("assay.protocol")


class State(Enum):
    NEW = "new"
    INITIALIZED = "initialized"
    SHUT_DOWN = "shut down"
    EXITED = "exited"


class AssayProtocol(LanguageServerProtocol):
    """One client's conversation. Owned by the event loop."""

    def __init__(self, server: AssayServer, converter: Converter) -> None:
        self.state = State.NEW
        self.exit_code = 1
        """What the process returns: 0 only for `exit` after `shutdown`."""
        self.outbox: Outbox | None = None
        self._running: dict[str | int, asyncio.Task[Any]] = {}
        self._notified: set[asyncio.Task[Any]] = set()
        self._asked: dict[str | int, tuple[concurrent.futures.Future[Any], type | None]] = {}
        self._owner = server
        super().__init__(server, converter)

    @property
    def pending(self) -> int:
        """Requests without an answer so far, of both sides."""
        return len(self._running) + len(self._asked)

    # ---- what the client sends

    def receive(self, body: bytes) -> None:
        """Handle one message. Never raises."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self.refuse(None, PARSE_ERROR, "The message is not valid JSON.")
            return
        if isinstance(message, dict):
            self._dispatch(cast("dict[str, Any]", message))
            return
        ids: list[str | int] = []
        if isinstance(message, list):
            entries = [cast("dict[str, Any]", entry) for entry in message if isinstance(entry, dict)]
            ids = [entry["id"] for entry in entries if "method" in entry and _is_id(entry.get("id"))]
        for request in ids or [None]:
            self.refuse(request, INVALID_REQUEST, "A message must be one object; batches are not supported.")

    def _dispatch(self, message: dict[str, Any]) -> None:
        raw_id, method = message.get("id"), message.get("method")
        msg_id = cast("str | int", raw_id) if _is_id(raw_id) else None
        if method is None and msg_id is not None and ("result" in message or "error" in message):
            self._take_answer(msg_id, message)
        elif message.get("jsonrpc") != "2.0" or not isinstance(method, str):
            if "id" in message or method is None:
                self.refuse(msg_id, INVALID_REQUEST, "Not a JSON-RPC 2.0 request.")
            else:
                _logger.warning("ignored a notification that is not JSON-RPC 2.0")
        elif "id" not in message:
            self._notification(method, message.get("params"))
        elif msg_id is None:
            self.refuse(None, INVALID_REQUEST, "A request's id must be a string or an integer.")
        else:
            self._request(msg_id, method, message.get("params"))

    def _request(self, msg_id: str | int, method: str, params: Any) -> None:
        refusal = self._out_of_turn(method)
        if refusal is None and msg_id in self._running:
            refusal = (INVALID_REQUEST, "A request with this id is still running.")
        if refusal is not None:
            self.refuse(msg_id, *refusal)
            return
        handler = self._handler(method)
        if handler is None:
            self.refuse(msg_id, METHOD_NOT_FOUND, f"Method not found: {method[:100]}")
            return
        try:
            decoded = self._decode(method, params)
        except Exception as error:  # noqa: BLE001 - whatever the converter trips over, the client gets an answer
            _logger.warning("could not decode a request for %s", method)
            self.refuse(msg_id, INVALID_PARAMS, f"Invalid parameters for {method}: {reason(error)}.")
            return
        try:
            result = handler(decoded)
        except Exception as error:  # noqa: BLE001 - the task owner for handlers that are not coroutines
            self._answer_error(msg_id, method, error)
            return
        if not inspect.iscoroutine(result):
            self._answer(msg_id, method, result)
            return
        task = self._running[msg_id] = asyncio.get_running_loop().create_task(result, name=method)
        task.add_done_callback(lambda done: self._finish(msg_id, method, done))

    def _finish(self, msg_id: str | int, method: str, task: asyncio.Task[Any]) -> None:
        self._running.pop(msg_id, None)
        if task.cancelled():
            self.refuse(msg_id, REQUEST_CANCELLED, "Cancelled.")
        elif (error := task.exception()) is not None:
            self._answer_error(msg_id, method, error)
        else:
            self._answer(msg_id, method, task.result())

    def _out_of_turn(self, method: str) -> tuple[int, str] | None:
        if self.state is State.NEW:
            if method == lsp.INITIALIZE:
                return None
            return SERVER_NOT_INITIALIZED, "The server has not been initialized."
        if self.state is not State.INITIALIZED:
            return INVALID_REQUEST, "The server is shutting down."
        if method == lsp.INITIALIZE:
            return INVALID_REQUEST, "The server has been initialized already."
        return None

    def _notification(self, method: str, params: Any) -> None:
        if method != lsp.EXIT and self.state is not State.INITIALIZED:
            _logger.info("ignored %s: the server is %s", method, self.state.value)
            return
        handler = self._handler(method)
        if handler is None:
            _logger.info("ignored the unknown notification %s", method[:100])
            return
        try:
            decoded = self._decode(method, params)
        except Exception as error:  # noqa: BLE001 - as for requests, but there is nobody to answer
            _logger.warning("could not decode a notification %s: %s", method, reason(error))
            self._owner.undecodable(method, params)
            return
        try:
            result = handler(decoded)
        except Exception as error:  # noqa: BLE001 - the task owner for handlers that are not coroutines
            log_failure(_logger, method, error)
            return
        if inspect.iscoroutine(result):
            task = asyncio.get_running_loop().create_task(result)
            self._notified.add(task)
            task.add_done_callback(lambda done: self._forget(method, done))

    def _forget(self, method: str, task: asyncio.Task[Any]) -> None:
        self._notified.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log_failure(_logger, method, error)

    def _handler(self, method: str) -> Callable[[Any], Any] | None:
        return self.fm.builtin_features.get(method) or self.fm.features.get(method)

    def _decode(self, method: str, params: Any) -> Any:
        if (own := DECODERS.get(method)) is not None:
            return own(self._converter, params)
        types = lsp.METHOD_TO_TYPES.get(method)
        if types is None:
            return params
        if (kind := types[2]) is None:
            return None
        return self._converter.structure({} if params is None else params, kind)

    # ---- what the server sends

    def _answer(self, msg_id: str | int, method: str, result: Any) -> None:
        try:
            plain = self._converter.unstructure(result)
            body = _encode({"jsonrpc": "2.0", "id": msg_id, "result": plain})
        except Exception as error:  # noqa: BLE001 - a result that cannot be sent must still be answered
            self._answer_error(msg_id, method, error)
        else:
            self._post(body)

    def _answer_error(self, msg_id: str | int, method: str, error: BaseException) -> None:
        if not isinstance(error, Exception):
            raise error
        code, message = to_response_error(error, method)
        self.refuse(msg_id, code, message)

    def refuse(self, msg_id: str | int | None, code: int, message: str) -> None:
        error = {"code": code, "message": message}
        self._post(_encode({"jsonrpc": "2.0", "id": msg_id, "error": error}))

    def _send_data(self, data: Any) -> None:
        self._post(_encode(self._converter.unstructure(data)))

    def _post(self, body: bytes) -> None:
        if self.outbox is not None:
            self.outbox.write(frame(body))

    def notify(self, method: str, params: Any | None = None) -> None:
        """Send a notification, unless the client has stopped reading: these say only how things stand."""
        if self.outbox is not None and self.outbox.unread() > MAX_UNREAD:
            return
        super().notify(method, params)

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: str | int | None = None,
    ) -> concurrent.futures.Future[Any]:
        if msg_id is None:
            msg_id = str(uuid.uuid4())
        reply: concurrent.futures.Future[Any] = concurrent.futures.Future()
        if callback is not None:
            answered = callback
            reply.add_done_callback(lambda done: answered(done.result()) if _has_result(done) else None)
        self._asked[msg_id] = (reply, self.get_result_type(method))
        reply.add_done_callback(lambda _: self._asked.pop(msg_id, None))
        request = {"jsonrpc": "2.0", "id": msg_id, "method": method}
        if params is not None:
            request["params"] = self._converter.unstructure(params)
        self._post(_encode(request))
        return reply

    async def ask(self, method: str, params: Any, *, within: float) -> Any:
        """The client's answer to a request, or None when it does not come within so many seconds.

        :raises JsonRpcException: the client answered with an error.
        """
        reply = self.send_request(method, params)
        try:
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the answer.
            async with asyncio.timeout(within):
                return await asyncio.shield(asyncio.wrap_future(reply))
        except TimeoutError:
            _logger.warning("the client did not answer %s within %g s", method, within)
            return None
        finally:
            reply.cancel()  # a late answer is then one to an unknown id

    def _take_answer(self, msg_id: str | int, message: dict[str, Any]) -> None:
        reply, kind = self._asked.pop(msg_id, (None, None))
        if reply is None:
            _logger.info("ignored an answer to a request that is not waiting")
        elif not reply.set_running_or_notify_cancel():
            pass
        elif (error := message.get("error")) is not None:
            reply.set_exception(_client_error(error))
        elif kind is None:
            reply.set_result(message.get("result"))
        else:
            try:
                reply.set_result(self._converter.structure(message, kind).result)
            except Exception as error:  # noqa: BLE001 - the waiting task gets it
                reply.set_exception(JsonRpcInternalError(f"the client's answer is malformed: {reason(error)}"))

    # ---- the life cycle

    def _register_builtin_features(self) -> None:
        # Only these: documents are kept by server/features/text_sync.py.
        for method in (
            self.lsp_initialize,
            self.lsp_shutdown,
            self.lsp_exit,
            self.lsp_set_trace,
            self.lsp_cancel,
            self.lsp_workspace__execute_command,
        ):
            self.fm.add_builtin_feature(method.method_name, method)  # type: ignore[attr-defined]

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(self, params: lsp.InitializeParams) -> lsp.InitializeResult:  # type: ignore[override]
        owner = self._owner
        self.client_capabilities = params.capabilities
        encoding = ServerCapabilitiesBuilder.choose_position_encoding(params.capabilities)
        owner.on_initialize(params, str(getattr(encoding, "value", encoding)))
        self.server_capabilities = ServerCapabilitiesBuilder(
            params.capabilities,
            {*self.fm.features, *self.fm.builtin_features} - owner.not_for_this_client(),
            self.fm.feature_options,
            list(self.fm.commands),
            lsp.TextDocumentSyncKind.Incremental,
            None,
            encoding,
        ).build()
        if self.server_capabilities.execute_command_provider is not None:
            self.server_capabilities.execute_command_provider.work_done_progress = True
        owner.add_capabilities(self.server_capabilities)
        self.state = State.INITIALIZED
        return lsp.InitializeResult(capabilities=self.server_capabilities, server_info=self.server_info)

    @lsp_method(lsp.SHUTDOWN)
    async def lsp_shutdown(self, _: None) -> None:  # type: ignore[override]
        self.state = State.SHUT_DOWN
        await self._owner.stop_work()

    @lsp_method(lsp.EXIT)
    def lsp_exit(self, _: None) -> None:  # type: ignore[override]
        self.exit_code = 0 if self.state is State.SHUT_DOWN else 1
        self.state = State.EXITED

    @lsp_method(lsp.SET_TRACE)
    def lsp_set_trace(self, params: lsp.SetTraceParams) -> None:  # type: ignore[override]
        self.trace = params.value

    @lsp_method(lsp.CANCEL_REQUEST)
    def lsp_cancel(self, params: lsp.CancelParams) -> None:
        task = self._running.get(params.id) if _is_id(params.id) else None
        if task is None:
            _logger.info("ignored a cancellation of a request that is not running")
        else:
            task.cancel()

    @lsp_method(lsp.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(self, params: lsp.ExecuteCommandParams) -> Any:  # type: ignore[override]
        """Run a command in the request's own task, so that cancelling the request stops the command."""
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"Unknown command: {params.command[:100]}")
        return await handler(params)

    async def cancel_all(self, *, but: asyncio.Task[Any] | None = None) -> None:
        """Cancel whatever runs for this client, `shutdown` excepted, and wait until it has stopped."""
        for reply, _ in list(self._asked.values()):
            reply.cancel()
        tasks = [task for task in (*self._running.values(), *self._notified) if task is not but]
        for task in tasks:
            if task.get_name() != lsp.SHUTDOWN:
                task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _is_id(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _has_result(reply: concurrent.futures.Future[Any]) -> bool:
    return not reply.cancelled() and reply.exception() is None


def _client_error(error: Any) -> JsonRpcException:
    fields = cast("dict[str, Any]", error) if isinstance(error, dict) else {}
    code, message = fields.get("code"), fields.get("message")
    return JsonRpcException(str(message) if message else "the client refused", code if isinstance(code, int) else None)


def _encode(message: Any) -> bytes:
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=_plain)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only say as an escape
        return json.dumps(message, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} cannot be sent")
