"""A gRPC server that speaks Triton's protocol and breaks it, for what the real one does only when it goes wrong.

It runs in the loop of the test; the model's name says what it does, escaped as in Python.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc import aio
from tritonclient.grpc import service_pb2 as protocol
from tritonclient.grpc import service_pb2_grpc


class Liar(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        """The headers of each."""

    async def ModelStreamInfer(self, requests: AsyncIterator[Any], context: Any) -> AsyncGenerator[Any, None]:
        self.calls.append({key: str(value) for key, value in context.invocation_metadata()})
        lie = (await anext(aiter(requests))).model_name.encode().decode("unicode_escape")
        kind, _, told = lie.replace("TOKEN", self.calls[-1].get("authorization", "")).partition(":")
        match kind:
            case "nothing":
                return
            case "no-end":
                yield response(b"\x04\0\0\0some")
            case "status":
                code, _, words = told.partition(":")
                await context.abort(grpc.StatusCode[code], words)
            case "refuses":
                yield protocol.ModelStreamInferResponse(error_message=told)
            case "raw":
                yield response(bytes.fromhex(told), is_final=True)
            case "textless":
                yield response(b"", name="other")
            case "untyped":
                yield response(b"\x01\0\0\0a", datatype="FP32", is_final=True)
            case "dataless":
                message = response(b"", is_final=True)
                del message.infer_response.raw_output_contents[:]
                yield message
            case "once" if len(self.calls) < 3:  # the third attempt succeeds
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            case "large":
                yield response((40 << 20).to_bytes(4, "little") + b"x" * (40 << 20), is_final=True)
            case _:
                yield response(b"\x04\0\0\0some", is_final=True)


def response(data: bytes, *, name: str = "text_output", datatype: str = "BYTES", is_final: bool = False) -> Any:
    message = protocol.ModelStreamInferResponse()
    message.infer_response.outputs.add(name=name, datatype=datatype, shape=[1])
    message.infer_response.raw_output_contents.append(data)
    message.infer_response.parameters["triton_final_response"].bool_param = is_final
    return message


@asynccontextmanager
async def lying(port: int = 0) -> AsyncGenerator[tuple[Liar, int], None]:
    """The server and its port.

    :param port: 0 for a free one.
    """
    liar = Liar()
    server = aio.server(options=[("grpc.max_send_message_length", -1)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(liar, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield liar, port
    finally:
        await server.stop(None)
