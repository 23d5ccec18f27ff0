"""TLS and mutual TLS of the OpenAI-compatible client, with certificates made for these tests alone.

They are valid for 127.0.0.1 until 2120; the authority's key was thrown away.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from inference.errors import BackendUnavailable, BrokenStream, CredentialsRejected, InferenceError, TimedOut
from inference.openai.endpoint import OpenAIEndpoint
from inference.openai.generator import OpenAIGenerator
from inference.ports import GenerateRequest, Message
from tests.inference.lying_server import running, seen_by

AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBeTCCAR6gAwIBAgICEAEwCgYIKoZIzj0EAwIwIjEgMB4GA1UEAwwXVGVzdCBh
dXRob3JpdHkgb2YgQXNzYXkwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAw
MDBaMCIxIDAeBgNVBAMMF1Rlc3QgYXV0aG9yaXR5IG9mIEFzc2F5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEMTbqj2Tn0mHmvp608XI4i/jkKuc4NbartFQoKvcj
8IokqnBYXrIYKrgjs2rujLE/aYl7BMmxCxqBusoNB+EqrKNCMEAwDwYDVR0TAQH/
BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFN87InF0kXJlRUQd2IPk
5X76U601MAoGCCqGSM49BAMCA0kAMEYCIQC7OeLI85t/7nUExRAuQa+18CXMGJzh
Gvyc4dyhnuLcXAIhALhtGiZLwf6AD/naY4v7o1Di1LDdwfWHGiGa2jvoluzf
-----END CERTIFICATE-----
"""
LEAF = """\
-----BEGIN CERTIFICATE-----
MIIBtDCCAVugAwIBAgICEAIwCgYIKoZIzj0EAwIwIjEgMB4GA1UEAwwXVGVzdCBh
dXRob3JpdHkgb2YgQXNzYXkwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAw
MDBaMA8xDTALBgNVBAMMBGxlYWYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQI
yExHAxxwYW7j3pOW+QJRiSCkZ1oTVYWGbV3/4B8/T/O3qhD+x0WRzltwGpZgmHjs
zWr24eoVdS3e0mihX4GEo4GRMIGOMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQD
AgeAMB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDAjAdBgNVHQ4EFgQU1XVd
3Ax6YJvaN0iaLgkfs7Bj3KkwHwYDVR0jBBgwFoAU3zsicXSRcmVFRB3Yg+TlfvpT
rTUwDwYDVR0RBAgwBocEfwAAATAKBggqhkjOPQQDAgNHADBEAiB6nIndZHF0qKgI
NvJ2p8DGEknzGVDbZ0LenU6wH+alDgIgWQkRMJ/rgRaZKgg6lJVgnXMPWXd3w5cM
jnvBdSD0enQ=
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXbtmZmlXqRglfyh6
xV7dBdOZTVAEEjba4w4GTjVesQShRANCAAQIyExHAxxwYW7j3pOW+QJRiSCkZ1oT
VYWGbV3/4B8/T/O3qhD+x0WRzltwGpZgmHjszWr24eoVdS3e0mihX4GE
-----END PRIVATE KEY-----
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    path.write_text(AUTHORITY)
    return path


@pytest.fixture(scope="module")
def leaf(authority: Path) -> Path:
    path = authority.with_name("leaf.pem")
    path.write_text(LEAF)
    return path


@pytest.fixture(scope="module")
def plain() -> Generator[str, None, None]:
    with running() as address:
        yield address


@pytest.fixture(scope="module")
def server(leaf: Path) -> Generator[str, None, None]:
    with running(str(leaf)) as address:
        yield address


@pytest.fixture(scope="module")
def mutual(leaf: Path, authority: Path) -> Generator[str, None, None]:
    """A server that wants a certificate of its clients."""
    with running(str(leaf), str(authority)) as address:
        yield address


@pytest.fixture
def alerting(leaf: Path, authority: Path) -> Generator[str, None, None]:
    """A server that says by TLS why it closes, as OpenSSL's own do and asyncio's do not. It takes one client."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.load_cert_chain(leaf)
    context.verify_mode = ssl.CERT_REQUIRED

    def take_one() -> None:
        client, _ = listening.accept()
        client.settimeout(20)
        sock = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        with sock:
            with suppress(ssl.SSLError):
                sock.do_handshake()
            # Data that nobody read would reset the connection when it is closed, and the alert would be lost.
            raw = socket.socket(fileno=sock.detach())
        with raw:
            raw.settimeout(20)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        thread = threading.Thread(target=take_one)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


async def ask(url: str, name: str = "any", **options: Any) -> str:
    where = OpenAIEndpoint(url=url, model="say", api_key="sk-secret-key", headers=(("x-name", name),), **options)
    generator = OpenAIGenerator(where)
    request = GenerateRequest(messages=(Message(role="user", content="hi"),), seconds=20)
    try:
        return "".join([piece async for piece in generator.stream(request)])
    finally:
        await generator.close()


async def test_a_server_whose_authority_is_trusted(server: str, authority: Path) -> None:
    assert await ask(server, ca=authority) == "hello there"


async def test_a_client_with_a_certificate(mutual: str, authority: Path, leaf: Path) -> None:
    assert await ask(mutual, ca=authority, certificate=leaf) == "hello there"


@pytest.fixture
def two_files(tmp_path: Path) -> tuple[Path, Path]:
    certificate, _, key = LEAF.partition("-----BEGIN PRIVATE KEY-----")
    (tmp_path / "certificate.pem").write_text(certificate)
    (tmp_path / "key.pem").write_text(f"-----BEGIN PRIVATE KEY-----{key}")
    return tmp_path / "certificate.pem", tmp_path / "key.pem"


async def test_a_client_whose_certificate_and_key_are_two_files(
    mutual: str, authority: Path, two_files: tuple[Path, Path]
) -> None:
    certificate, key = two_files
    assert await ask(mutual, ca=authority, certificate=certificate, certificate_key=key) == "hello there"


async def test_a_client_without_a_certificate_is_told_so(alerting: str, authority: Path) -> None:
    with pytest.raises(CredentialsRejected, match="wants a certificate of this client"):
        await ask(alerting, ca=authority)


async def test_a_server_that_closes_without_a_word_may_want_a_certificate(mutual: str, authority: Path) -> None:
    with pytest.raises(BrokenStream, match="whether it wants a certificate of this client"):
        await ask(mutual, ca=authority)


async def fails(url: str, message: str, kind: type[InferenceError] = BackendUnavailable, **options: Any) -> None:
    with pytest.raises(kind, match=message) as caught:
        await ask(url, **options)
    assert type(caught.value) is kind


async def test_a_server_that_is_not_trusted_is_told_nothing(server: str, authority: Path) -> None:
    await fails(server, "certificate that is not trusted", name="distrusted")
    assert seen_by(server, "distrusted", ssl.create_default_context(cafile=authority)) == []


async def test_a_certificate_of_another_host(server: str, authority: Path) -> None:
    await fails(server.replace("127.0.0.1", "localhost"), "certificate that is not trusted", ca=authority)


async def test_a_server_that_has_no_tls_is_asked_once(plain: str, authority: Path) -> None:
    await ask(plain, name="before")
    await fails(plain.replace("http:", "https:"), "does not speak TLS", ca=authority)
    await ask(plain, name="after")
    (before,), (after,) = seen_by(plain, "before"), seen_by(plain, "after")
    assert after["connection"] - before["connection"] == 2


async def test_a_server_that_takes_no_part_in_the_handshake(authority: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        message = r"cannot be reached within 0\.1 s"
        await fails(url, message, TimedOut, ca=authority, connect_seconds=0.1, attempts=1)


async def test_leaving_is_seen_through_tls(server: str, authority: Path) -> None:
    where = OpenAIEndpoint(url=server, model="stuck", headers=(("x-name", "left"),), ca=authority)
    generator = OpenAIGenerator(where)
    request = GenerateRequest(messages=(Message(role="user", content="hi"),), seconds=20)
    async with aclosing(generator.stream(request)) as stream:
        assert await anext(stream) == "half"
    context = ssl.create_default_context(cafile=authority)
    (told,) = await asyncio.to_thread(seen_by, server, "left", context)
    await generator.close()
    assert told["left"] is not None
