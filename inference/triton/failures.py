"""What goes wrong in a call as an error of ours, in a sentence that says what the reader can do.

Triton says UNAVAILABLE for a wrong secret, a full queue and a server that is gone alike, and no status at all for
errors inside a stream: its words tell them apart. The words are those of releases 24.10 (measured) to 25.12 (read).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from inference.errors import (
    BackendUnavailable,
    BadRequest,
    BrokenStream,
    CredentialsRejected,
    InferenceError,
    ModelNotReady,
    Overloaded,
    TimedOut,
)
from inference.triton.endpoint import TritonEndpoint
from inference.words import shown

_CONNECTING = ("failed to connect", "errors resolving", "dns resolution failed", "connection attempt timed out")
_BROKEN = ("socket closed", "connection reset", "broken pipe", "stream removed", "goaway", "keepalive", "endofstream")
_CANNOT = re.compile(  # what a model says to a request that it will never take
    r"lora|longer than the maximum|maximum (context|model) length|max_model_len|max_seq_len|unexpected keyword|"
    r"exceeds? (the )?max|must be|not supported|is not allowed|inference input",
    re.IGNORECASE,
)
_REASON = re.compile(r"Failed to connect to remote host: (?:connect: )?([A-Z][a-z A-Z]{2,40})")


@dataclass(frozen=True, slots=True)
class Failure:
    error: InferenceError
    is_passing: bool = False
    """Whether the same request may succeed a little later."""
    is_unreachable: bool = False
    """Whether no connection came about."""


def late(endpoint: TritonEndpoint, seconds: float) -> Failure:
    """The deadline of the whole call passed."""
    return Failure(
        TimedOut(
            f"{endpoint.name} did not answer within {seconds:g} s; ask for less, or see whether it is busy or stuck."
        )
    )


def silent(endpoint: TritonEndpoint, seconds: float) -> Failure:
    return Failure(TimedOut(f"{endpoint.name} sent nothing for {seconds:g} s and may be stuck; see its log."))


def ended(endpoint: TritonEndpoint) -> Failure:
    return Failure(BrokenStream(f"{endpoint.name} ended before its answer was whole; ask again."))


def refused(endpoint: TritonEndpoint, said: str, *, is_by_model: bool) -> Failure:
    """An error in the place of a response.

    :param is_by_model: else the server refused the request before the model saw it.
    """
    if known := _known(endpoint, said):
        return known
    name, because = endpoint.name, _because(endpoint, said)
    if not is_by_model or _CANNOT.search(said):
        return Failure(BadRequest(f"{name} does not take the request{because}"))
    return Failure(BackendUnavailable(f"{name} failed{because}"))


def failed(endpoint: TritonEndpoint, code: str, said: str, *, seconds: float) -> Failure:
    """A call that ended with a status.

    :param code: its name, such as UNAVAILABLE.
    :param seconds: the deadline of the call, for the sentence.
    """
    name, because = endpoint.name, _because(endpoint, said)
    if known := _known(endpoint, said):
        return known
    match code:
        case "DEADLINE_EXCEEDED":
            return late(endpoint, seconds)
        case "UNAUTHENTICATED" | "PERMISSION_DENIED":  # without the words: some repeat parts of the token
            what = "rejects the token" if endpoint.token else "wants a token and there is none"
            return Failure(CredentialsRejected(f"{name} {what}; set one that may use this model."))
        case "RESOURCE_EXHAUSTED" if "larger than max" in said:
            if "Sent message" in said:
                return Failure(BadRequest(f"{name} is asked for too much at once; send a shorter prompt."))
            return Failure(BrokenStream(f"{name} sent far more than it was asked for; see its log."))
        case "RESOURCE_EXHAUSTED":
            return Failure(Overloaded(f"{name} has too many requests{because}"), is_passing=True)
        case "INVALID_ARGUMENT" | "NOT_FOUND" | "OUT_OF_RANGE":
            return Failure(BadRequest(f"{name} does not take the request{because}"))
        case "UNIMPLEMENTED":
            return Failure(BadRequest(f"{name} is no model of this kind, or its url is not that of Triton{because}"))
        case "CANCELLED":
            return Failure(BrokenStream(f"{name} cancelled the request; its server may be going down."))
        case "UNAVAILABLE":
            return _unavailable(endpoint, said)
        case _ if _says(said, _BROKEN):
            return _broken(endpoint)
        case _:
            return Failure(BackendUnavailable(f"{name} failed{because}"))


def _known(endpoint: TritonEndpoint, said: str) -> Failure | None:
    """By words that mean the same wherever they stand."""
    name = endpoint.name
    if "Exceeds maximum queue size" in said:
        return Failure(Overloaded(f"{name} has a full queue; try later."), is_passing=True)
    if "Request timeout expired" in said:
        return Failure(Overloaded(f"{name} left the request in its queue for too long; try later."))
    if "no available versions" in said or "is not ready" in said:
        return Failure(ModelNotReady(f"{name} is not loaded, or still loading; load it, or try again in a minute."))
    if "unknown model" in said:
        return Failure(BadRequest(f"{name} is not known there; check the model's name and version."))
    if "Stub process" in said and "not healthy" in said:
        return Failure(
            BackendUnavailable(f"{name} has died in its server, which does not restart it; unload it and load it.")
        )
    if "protocol is restricted" in said:
        what = "rejects the value for" if endpoint.restricted_key else "wants the value for"
        return Failure(
            CredentialsRejected(f"{name} {what} a restricted protocol; set the key and the value that it expects.")
        )
    if said in ("Request was cancelled", "Request is cancelled"):
        return Failure(BrokenStream(f"{name} cancelled the request; its server may be going down."))
    return None


def _unavailable(endpoint: TritonEndpoint, said: str) -> Failure:
    name = endpoint.name
    is_connecting = _says(said, _CONNECTING)
    if "Hostname Verification" in said:
        return Failure(
            BackendUnavailable(f"{name} has a certificate for another host; set the url to the name that is in it."),
            is_unreachable=True,
        )
    if "handshake" in said.lower():
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return Failure(
                BackendUnavailable(f"{name} has a certificate that is not trusted; set the authority that signed it."),
                is_unreachable=True,
            )
        if "ALERT" in said and "CERTIFICATE" in said:
            return Failure(_wants_certificate(endpoint), is_unreachable=True)
        return Failure(
            BackendUnavailable(f"{name} does not speak TLS as this client does; check grpc:// or grpcs://."),
            is_passing="Socket closed" in said or "reset" in said,
            is_unreachable=True,
        )
    if is_connecting and _says(said, _BROKEN):
        # A server that wants another certificate closes after the handshake without a word, as gRPC's do; one that
        # wants TLS, or speaks HTTP/1, closes on a plain client. Both look like one that is just going down.
        if endpoint.is_tls:
            return Failure(_wants_certificate(endpoint), is_passing=True, is_unreachable=True)
        return Failure(
            BackendUnavailable(
                f"{name} closes the connection; check that the port is the one for gRPC, and grpc:// or grpcs://."
            ),
            is_passing=True,
            is_unreachable=True,
        )
    if is_connecting:
        found = _REASON.search(said)
        reason = f" ({found[1].strip()})" if found else ""
        if "resolving" in said or "dns" in said.lower():
            reason = " (its host's name is not found)"
        return Failure(
            BackendUnavailable(f"{name} cannot be reached{reason}; check that it runs, and the url."),
            is_passing=True,
            is_unreachable=True,
        )
    if _says(said, _BROKEN):
        return _broken(endpoint)
    return Failure(BackendUnavailable(f"{name} is unavailable{_because(endpoint, said)}"), is_passing=True)


def _broken(endpoint: TritonEndpoint) -> Failure:
    return Failure(
        BrokenStream(f"{endpoint.name} broke off the connection; see whether its server still runs."), is_passing=True
    )


def _wants_certificate(endpoint: TritonEndpoint) -> CredentialsRejected:
    which = "does not take the certificate of this client" if endpoint.certificate else "closes the TLS connection"
    return CredentialsRejected(f"{endpoint.name} {which}; set a certificate and key that it trusts.")


def _because(endpoint: TritonEndpoint, said: str) -> str:
    """The server's words at the end of a sentence."""
    words = shown(said.removeprefix("[request id: <id_unknown>] "), endpoint.secrets)
    return f": {words.rstrip('. ')}." if words else "; see its server's log."


def _says(said: str, words: tuple[str, ...]) -> bool:
    lowered = said.lower()
    return any(word in lowered for word in words)
