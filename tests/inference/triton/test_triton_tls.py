"""TLS, mutual TLS and restricted protocols of a real Triton, with certificates made for the run."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inference.errors import BackendUnavailable, CredentialsRejected, InferenceError
from inference.ports import CompletionRequest
from inference.triton.endpoint import TritonEndpoint
from inference.triton.generator import TritonGenerator
from inference.triton.probe import served
from inference.tritonserver.launch import TritonServer
from tests.inference.triton.scripted import PATIENCE, endpoint, running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # gRPC does not bear that its loop is closed


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Made:
    authority: Pair
    server: Pair
    client: Pair
    stranger: Pair
    """Signed by itself."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("certificates")
    authority = signed(folder, "authority")
    return Made(
        authority=authority,
        server=signed(folder, "server", by=authority),
        client=signed(folder, "client", by=authority),
        stranger=signed(folder, "stranger"),
    )


def signed(folder: Path, name: str, *, by: Pair | None = None) -> Pair:
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    new += ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    if by:
        new += ["-CA", str(by.certificate), "-CAkey", str(by.key), "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*new, "-keyout", str(pair.key), "-out", str(pair.certificate)], check=True, capture_output=True)
    return pair


@pytest.fixture(scope="module")
def secured(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Generator[TritonServer, None, None]:
    """It speaks TLS, and restricts inference."""
    extra = [*tls(made), "--grpc-restricted-protocol=inference:x-infer=s3cret-value"]
    with running(tmp_path_factory.mktemp("secured"), extra=extra, models=("scripted",)) as server:
        yield server


@pytest.fixture(scope="module")
def mutual(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Generator[TritonServer, None, None]:
    extra = [*tls(made), "--grpc-use-ssl-mutual=true", f"--grpc-root-cert={made.authority.certificate}"]
    with running(tmp_path_factory.mktemp("mutual"), extra=extra, models=("scripted",)) as server:
        yield server


def tls(made: Made) -> list[str]:
    pair = made.server
    return ["--grpc-use-ssl=true", f"--grpc-server-cert={pair.certificate}", f"--grpc-server-key={pair.key}"]


def over_tls(server: TritonServer, **options: Any) -> TritonEndpoint:
    return endpoint(server, url=f"grpcs://127.0.0.1:{server.grpc}", attempts=2, **options)


def allowed(server: TritonServer, **options: Any) -> TritonEndpoint:
    return over_tls(server, restricted_key="x-infer", restricted_value="s3cret-value", **options)


async def ask(endpoint: TritonEndpoint) -> str:
    generator = TritonGenerator(endpoint)
    try:
        pieces = generator.complete(CompletionRequest(prompt="hello", seconds=PATIENCE))
        return "".join([piece async for piece in pieces])
    finally:
        await generator.close()


async def fails(endpoint: TritonEndpoint, kind: type[InferenceError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        await ask(endpoint)
    assert type(caught.value) is kind
    assert "s3cret" not in str(caught.value) + repr(endpoint)


async def test_a_server_whose_authority_is_trusted(secured: TritonServer, made: Made) -> None:
    assert await ask(allowed(secured, ca=made.authority.certificate)) == "hello"


async def test_a_server_that_is_not_trusted(secured: TritonServer, made: Made) -> None:
    message = "certificate that is not trusted; set the authority"
    await fails(allowed(secured), BackendUnavailable, message)
    await fails(allowed(secured, ca=made.stranger.certificate), BackendUnavailable, message)


async def test_a_certificate_for_another_host(secured: TritonServer, made: Made) -> None:
    where = allowed(secured, ca=made.authority.certificate)
    other = TritonEndpoint(url=f"grpcs://localhost:{secured.grpc}", model="scripted", ca=where.ca, attempts=1)
    await fails(other, BackendUnavailable, "certificate for another host")


async def test_a_plain_client_of_a_server_with_tls(secured: TritonServer) -> None:
    await fails(endpoint(secured, attempts=1), BackendUnavailable, "check .* grpc:// or grpcs://")


async def test_a_client_with_tls_of_a_plain_server(triton: TritonServer) -> None:
    await fails(over_tls(triton), BackendUnavailable, "does not speak TLS as this client does")


async def test_a_client_with_a_certificate(mutual: TritonServer, made: Made) -> None:
    pair = made.client
    options = {"ca": made.authority.certificate, "certificate": pair.certificate}
    assert await ask(over_tls(mutual, certificate_key=pair.key, **options)) == "hello"


async def test_a_client_whose_certificate_and_key_are_one_file(
    mutual: TritonServer, made: Made, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_text(made.client.certificate.read_text() + made.client.key.read_text())
    assert await ask(over_tls(mutual, ca=made.authority.certificate, certificate=both)) == "hello"


async def test_a_client_without_a_certificate(mutual: TritonServer, made: Made) -> None:
    await fails(over_tls(mutual, ca=made.authority.certificate), CredentialsRejected, "set a certificate and key")


async def test_a_client_with_a_certificate_of_its_own(mutual: TritonServer, made: Made) -> None:
    pair = made.stranger
    where = over_tls(mutual, ca=made.authority.certificate, certificate=pair.certificate, certificate_key=pair.key)
    await fails(where, CredentialsRejected, "does not take the certificate of this client")


async def test_a_restricted_protocol_wants_its_value(secured: TritonServer, made: Made) -> None:
    ca = made.authority.certificate
    await fails(over_tls(secured, ca=ca), CredentialsRejected, "wants the value for a restricted protocol")
    wrong = over_tls(secured, ca=ca, restricted_key="x-infer", restricted_value="s3cret-and-wrong")
    await fails(wrong, CredentialsRejected, "rejects the value for a restricted protocol")
    described = await served(over_tls(secured, ca=ca))  # another protocol, which is free
    assert described.inputs


async def test_a_refusal_is_never_masked(secured: TritonServer, made: Made) -> None:
    """By what gRPC says when a server ends a call before all of it is sent."""
    where = over_tls(secured, ca=made.authority.certificate)
    generator = TritonGenerator(where)

    async def ask_once() -> str:
        try:
            return "".join([piece async for piece in generator.complete(CompletionRequest(prompt="x" * 9_000))])
        except CredentialsRejected:
            return "rejected"

    try:
        assert set(await asyncio.gather(*(ask_once() for _ in range(64)))) == {"rejected"}
    finally:
        await generator.close()


async def test_files_that_are_no_certificates(made: Made, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    junk, pair = tmp_path / "junk", made.client
    wrong: list[dict[str, Path]] = [
        {"ca": junk},
        {"ca": tmp_path / "absent"},
        {"certificate": junk},
        {"certificate": pair.certificate},  # without its key
        {"certificate": pair.certificate, "certificate_key": made.stranger.key},
    ]
    for options in wrong:
        with pytest.raises(ValueError, match="certificates of the model's endpoint cannot be read"):
            TritonGenerator(TritonEndpoint(url="grpcs://localhost", model="m", **options))


@pytest.fixture
def locked(made: Made, tmp_path: Path) -> Path:
    """A key that has a password."""
    locked = tmp_path / "locked.key"
    command = ["openssl", "ec", "-in", str(made.client.key), "-aes128", "-passout", "pass:x", "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    return locked


async def test_a_password_is_not_asked_for(made: Made, locked: Path) -> None:
    options = {"certificate": made.client.certificate, "certificate_key": locked}
    with pytest.raises(ValueError, match="cannot be read"):
        TritonGenerator(TritonEndpoint(url="grpcs://localhost", model="m", **options))
