"""Requests to one endpoint. Only this module imports `httpx`.

What a server may do to us is bounded here: no redirects, no cookies, no compression, no proxies or passwords from the
environment, largest sizes, and a limit of time on every wait.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal, cast

import httpx

from inference.deadline import Deadline
from inference.errors import (
    BackendUnavailable,
    BrokenStream,
    CredentialsRejected,
    InferenceError,
    Overloaded,
    TimedOut,
)
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.failures import RETRIED, refusal, seconds_to_wait, server_message
from inference.ports import CallHeaders
from inference.resilience.retry import Again, with_retries
from inference.sse import BadEventStream, EventParser

_MAX_CONNECTIONS = 32
_KEEP_SECONDS = 4.0  # an idle connection; uvicorn, which vLLM runs on, closes them after 5
_POOL_SECONDS = 1.0  # the longest wait for one of the connections; then the answer is a clear "busy"
_OK = 200
_MAX_STREAM = 64 << 20  # bytes of one answer: 100,000 tokens of 600 bytes of JSON each
_MAX_REFUSAL = 64 << 10  # bytes of an error's body
_MAX_CAUSES = 16  # of one error; they can form a ring


class Connection:
    """A client with its pool of connections. Its methods raise `InferenceError` and nothing else.

    :param call_headers: asked once for each call, as for those of its trace.
    :raises ValueError: when the certificates cannot be read, or the url's host has no proper name.
    """

    def __init__(self, endpoint: OpenAIEndpoint, *, call_headers: CallHeaders = dict) -> None:
        self._endpoint = endpoint
        self._call_headers = call_headers
        try:
            httpx.URL(endpoint.base)
        except httpx.InvalidURL as error:
            raise ValueError("The model's url is none that can be asked; check the name of its host.") from error
        headers = {"Accept-Encoding": "identity", "User-Agent": "assay", **dict(endpoint.headers)}
        if endpoint.api_key:
            headers["Authorization"] = f"Bearer {endpoint.api_key}"
        self._client = httpx.AsyncClient(
            headers=headers,
            verify=_tls(endpoint),
            timeout=httpx.Timeout(None, connect=endpoint.connect_seconds, pool=_POOL_SECONDS),
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS, keepalive_expiry=_KEEP_SECONDS),
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    @property
    def endpoint(self) -> OpenAIEndpoint:
        return self._endpoint

    async def events(self, url: str, body: dict[str, object], deadline: Deadline) -> AsyncGenerator[str, None]:
        """The data of each event. Closing the generator closes the connection, at which servers stop working.

        :raises InferenceError: also when no event comes within the endpoint's limits.
        """
        idle = _Idle(self._endpoint.first_seconds)
        response = await self._open("POST", url, body, deadline, idle)
        try:
            self._must_be(response, "text/event-stream")
            parser = EventParser()
            async with aclosing(self._pieces(response, _MAX_STREAM, deadline, idle)) as pieces:
                async for piece in pieces:
                    try:
                        found = parser.feed(piece)
                    except BadEventStream as error:
                        raise BrokenStream(f"{self._endpoint.name} broke the stream: {error}.") from error
                    for event in found:
                        yield event.data
                    if found:
                        # From here, not from the event's arrival: the reader may have taken its time.
                        idle.begin(self._endpoint.idle_seconds)
        finally:
            await response.aclose()

    async def json(
        self, method: Literal["GET", "POST"], url: str, body: dict[str, object] | None, deadline: Deadline, *, most: int
    ) -> bytes:
        """A whole answer, which says that it is JSON; it is not read here.

        :param most: bytes.
        :raises InferenceError:
        """
        idle = _Idle(deadline.seconds)
        response = await self._open(method, url, body, deadline, idle)
        try:
            self._must_be(response, "application/json")
            async with aclosing(self._pieces(response, most, deadline, idle)) as pieces:
                return b"".join([piece async for piece in pieces])
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()

    async def _open(
        self, method: str, url: str, body: dict[str, object] | None, deadline: Deadline, idle: _Idle
    ) -> httpx.Response:
        """An answer with status 200, of which only the head is read. The caller closes it."""
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = dict(self._call_headers())
        if content is not None:
            headers["Content-Type"] = "application/json"

        async def attempt() -> httpx.Response:
            idle.begin(idle.seconds)
            request = self._client.build_request(method, url, content=content, headers=headers)
            try:
                async with self._within(deadline, idle):
                    response = await self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = self._unreachable(error)
                if _tls_failure(error):
                    raise failure from error
                raise Again(failure) from error
            if response.status_code == _OK:
                return response
            failure, wait = await self._refused(response, deadline, idle)
            if response.status_code in RETRIED:
                raise Again(failure, after=wait)
            raise failure

        return await with_retries(attempt, attempts=self._endpoint.attempts, left=deadline.left)

    async def _refused(
        self, response: httpx.Response, deadline: Deadline, idle: _Idle
    ) -> tuple[InferenceError, float | None]:
        body = b""
        try:
            async with aclosing(self._pieces(response, _MAX_REFUSAL, deadline, idle)) as pieces:
                body = b"".join([piece async for piece in pieces])
        except InferenceError:
            pass  # the status says enough
        finally:
            await response.aclose()
        wait = seconds_to_wait(response.headers.get("retry-after"))
        return refusal(self._endpoint, response.status_code, server_message(self._endpoint, body), wait), wait

    async def _pieces(
        self, response: httpx.Response, most: int, deadline: Deadline, idle: _Idle
    ) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            # Not asked for, and a few kilobytes of it can become gigabytes.
            raise BrokenStream(
                f"{self._endpoint.name} sent a compressed answer; turn that off in the server before it."
            )
        size = 0
        async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw())) as raw:
            while True:
                async with self._within(deadline, idle):
                    piece = await anext(raw, None)
                if piece is None:
                    return
                size += len(piece)
                if size > most:
                    raise BrokenStream(
                        f"{self._endpoint.name} sent more than {most:,} bytes; check that the url is right."
                    )
                yield piece

    def _must_be(self, response: httpx.Response, wanted: str) -> None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == wanted:
            return
        if kind == "text/html":
            raise BrokenStream(f"{self._endpoint.name} answers with a web page; check the url, it often ends with /v1.")
        said = f"sent {kind[:40]!r}" if kind.isprintable() and kind else "does not say what it sent"
        raise BrokenStream(f"{self._endpoint.name} {said}, not {wanted}; check the url and what the server supports.")

    @asynccontextmanager
    async def _within(self, deadline: Deadline, idle: _Idle) -> AsyncGenerator[None, None]:
        """One wait, with our errors for all that can come of it. Errors of connecting pass, as they are retried."""
        name = self._endpoint.name
        try:
            async with asyncio.timeout(min(deadline.left(), idle.left())):
                yield
        except TimeoutError as error:
            if deadline.left() <= 0:
                raise TimedOut(
                    f"{name} did not answer within {deadline.seconds:g} s; ask for less, or see whether it is busy."
                ) from error
            raise TimedOut(f"{name} sent nothing for {idle.seconds:g} s and may be stuck; see its log.") from error
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise
        except httpx.PoolTimeout as error:
            raise Overloaded(f"{_MAX_CONNECTIONS} requests to {name} are running; try when some are done.") from error
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as error:
            # Their texts may repeat headers. An alert of TLS after the handshake comes through httpx as it is.
            if _wants_certificate(error):
                raise CredentialsRejected(f"{name} wants a certificate of this client; set one it trusts.") from error
            # Many servers close without a word on a client without a certificate.
            is_bare = self._endpoint.base.startswith("https:") and not self._endpoint.certificate
            hint = ", and whether it wants a certificate of this client" if is_bare else ""
            raise BrokenStream(f"{name} broke off the connection or does not speak HTTP; see its log{hint}.") from error

    def _unreachable(self, error: httpx.TransportError) -> BackendUnavailable:
        name = self._endpoint.name
        if _wants_certificate(error):
            return CredentialsRejected(f"{name} wants a certificate of this client; set one it trusts.")
        if isinstance(_tls_failure(error), ssl.SSLCertVerificationError):
            return BackendUnavailable(
                f"{name} has a certificate that is not trusted; set the authority that signed it."
            )
        if _tls_failure(error):
            return BackendUnavailable(f"{name} does not speak TLS as this client does; check http:// or https://.")
        if isinstance(error, httpx.ConnectTimeout):
            seconds = self._endpoint.connect_seconds
            return TimedOut(f"{name} cannot be reached within {seconds:g} s; check the url and the network.")
        numbers = [cause.errno for cause in _causes(error) if isinstance(cause, OSError) and cause.errno]
        reason = f" ({os.strerror(numbers[0])})" if numbers and numbers[0] > 0 else ""  # a resolver's are negative
        return BackendUnavailable(f"{name} cannot be reached{reason}; check that it runs, and the url.")


class _Idle:
    """How long nothing may come. A class, as the limit starts again with each event."""

    def __init__(self, seconds: float) -> None:
        self.begin(seconds)

    def begin(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        return self._until - time.monotonic()


def _tls(endpoint: OpenAIEndpoint) -> ssl.SSLContext:
    if not endpoint.base.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and takes no time to make
    try:
        if endpoint.ca:
            context = ssl.create_default_context(cafile=endpoint.ca)
        else:
            context = httpx.create_ssl_context(trust_env=False)
        if endpoint.certificate:
            # A key that needs a password would be asked for on the terminal, which is the editor's.
            context.load_cert_chain(endpoint.certificate, endpoint.certificate_key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ValueError("The certificates of the model's endpoint cannot be read; check the three paths.") from error
    return context


def _no_password() -> str:
    raise ValueError("a key that needs a password")


def _wants_certificate(error: BaseException) -> bool:
    found = _tls_failure(error)
    return found is not None and "CERTIFICATE_REQUIRED" in (found.reason or "")


def _tls_failure(error: BaseException) -> ssl.SSLError | None:
    waits = (ssl.SSLWantReadError, ssl.SSLWantWriteError)  # how the ssl module says that it needs more bytes
    return next((e for e in _causes(error) if isinstance(e, ssl.SSLError) and not isinstance(e, waits)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    current: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__
