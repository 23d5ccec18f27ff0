"""What never happens, however long somebody types: secrets that are sent, memory that grows, tasks that stay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference.lying_server import running
from tests.server.completions import INLINE, ask, configure, open_text, seen, sit_down
from tests.server.conftest import Launch

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HEX = "9f3c1b7e5a2d8046c1e9b3f7a5d20864"
_MIXED = "q8Zr2Lk9Xv4Tn7Wp3Yb6Mc1Hd5Jf0Gs8"
_KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
SECRETS = {
    "AWS access key": "id = 'AKIAIOSFODNN7ABCDEFG'",
    "AWS temporary key": "id = 'ASIAIOSFODNN7ABCDEFG'",
    "AWS secret key": "aws_secret_access_key = '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'",
    "GitHub token": "t = 'ghp_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'",
    "GitHub app": "t = 'ghs_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'",
    "GitHub refresh": "t = 'ghr_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'",
    "GitHub fine": "t = 'github_pat_11ABCDEFG0aB3dE5fG7hJ9_kL1mN3pQ5rS7tU9vW1xY3zA5'",
    "GitLab": "t = 'glpat-aB3dE5fG7hJ9kL1mN3pQ'",
    "GitLab deploy": "t = 'gldt-aB3dE5fG7hJ9kL1mN3pQ'",
    "Slack bot": "t = 'xoxb-123456789012-aB3dE5fG7hJ9kL1m'",
    "Slack user": "t = 'xoxp-123456789012-aB3dE5fG7hJ9kL1m'",
    "Slack webhook": "u = 'https://hooks.slack.com/services/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'",
    "Stripe live": "k = 'sk_live_aB3dE5fG7hJ9kL1mN3pQ5rS7'",
    "Stripe restricted": "k = 'rk_live_aB3dE5fG7hJ9kL1mN3pQ5rS7'",
    "model key": "k = 'sk-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3'",
    "model key of another": "k = 'sk-ant-api03-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3'",
    "Google": "k = 'AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q'",
    "Hugging Face": "t = 'hf_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH'",
    "npm": "t = 'npm_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'",
    "PyPI": "t = 'pypi-AgEIcHlwaS5vcmcCJGFiM2RlNWZHN2hKOWtMMW1OM3BRNXJT'",
    "JSON web token": "t = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r'",
    "bearer": f"h = 'Authorization: Bearer {_MIXED}'",
    "basic": f"h = 'Authorization: Basic {_MIXED}='",
    "password in a url": "u = 'postgres://admin:Tr0ub4dor&3x@db.example.org/shop'",
    "password": "password = 'Tr0ub4dor&3xyz'",
    "api key": f"api_key = '{_MIXED}'",
    "access key": f"service_access_key = '{_HEX}'",
    "private key by name": f"private_key: '{_MIXED}'",
    "auth key": f"auth_key => '{_MIXED}'",
    "secret": f"CLIENT_SECRET = '{_HEX}'",
    "credential": f"credentials = '{_MIXED}'",
    "private key": f"k = '''-----BEGIN PRIVATE KEY-----\n{_KEY}\n{_KEY}\n-----END PRIVATE KEY-----'''",
    "RSA key": f"k = '''-----BEGIN RSA PRIVATE KEY-----\n{_KEY}\n-----END RSA PRIVATE KEY-----'''",
}


def _needle(line: str) -> str:
    """The part of a secret that must be nowhere."""
    if "PRIVATE KEY" in line:
        return _KEY
    if "://admin" in line:
        return "Tr0ub4dor&3x"
    inside = line.split("'")[1]
    return inside.rpartition(" ")[2].rpartition("/")[2][-16:]


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with running() as address:
        yield address


async def test_planted_secrets_of_more_than_thirty_kinds_are_not_sent(
    assay: Launch, model: str, tmp_path: Path
) -> None:
    assert len(SECRETS) >= 30
    configure(model, "secrets", text="len(name)")
    (tmp_path / "a.py").write_text("")
    desk = await sit_down(assay, tmp_path)
    everything = "\n".join(SECRETS.values())
    other = open_text(desk, f"def other():\n    pass\n{everything}\n", name="other.py")
    desk.wire.notify(
        "textDocument/didChange",
        {
            "textDocument": {"uri": other, "version": 2},
            "contentChanges": [
                {
                    "range": {"start": {"line": 1, "character": 8}, "end": {"line": 1, "character": 8}},
                    "text": " ",
                }
            ],
        },
    )
    number = 0
    for line in SECRETS.values():
        for text in (f"{line}\nx = │\n", f"x = │\n{line}\n"):
            number += 1
            uri = open_text(desk, text, name=f"{number}.py")
            assert await ask(desk, uri, text, invoked=number % 5 == 0)
    requests = await seen(model, "secrets")
    assert len(requests) >= number
    sent = json.dumps([each["body"] for each in requests])
    assert "[redacted: " in sent
    for kind, line in SECRETS.items():
        assert json.dumps(_needle(line))[1:-1] not in sent, kind
    # Nor do they stand in the log, or in what is explained.
    said = json.dumps(desk.wire.received) + desk.wire.stderr.decode()
    for kind, line in SECRETS.items():
        assert _needle(line) not in said, kind


async def test_a_cursor_in_a_secret_sends_nothing(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "inside", text="x")
    desk = await sit_down(assay, tmp_path)
    for number, text in enumerate(["key = 'AKIAIOSFODNN7ABCDEFG│'", f"api_key = '{_MIXED}│'", f"# {_KEY}"]):
        if "│" in text:
            uri = open_text(desk, text, name=f"{number}.py")
            await ask(desk, uri, text, invoked=True)
    assert _MIXED not in json.dumps(await seen(model, "inside"))


async def test_memory_stays_where_it_is_over_twenty_thousand_edits(assay: Launch, model: str, tmp_path: Path) -> None:
    configure(model, "typing", text="value")
    desk = await sit_down(assay, tmp_path)
    head = "".join(f"def function_{number}(value):\n    return value + {number}\n\n\n" for number in range(200))
    uri = open_text(desk, head)
    line = head.count("\n")

    async def type_along(first: int, last: int) -> int:
        for version in range(first, last):
            column = version % 40
            change = (
                {"range": {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 80}}, "text": ""}
                if column == 0
                else {
                    "range": {
                        "start": {"line": line, "character": column - 1},
                        "end": {"line": line, "character": column - 1},
                    },
                    "text": chr(97 + version % 26),
                }
            )
            document = {"uri": uri, "version": version}
            desk.wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
            if version % 10 == 0:
                where = {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}
                await desk.wire.request(INLINE, {**where, "context": {"triggerKind": 2}})
                desk.wire.received.clear()
        stats = await desk.wire.result("assay/debug/stats")
        assert stats["pendingRequests"] == 0
        assert stats["tasks"] < 20
        return stats["residentBytes"]

    middle = await type_along(2, 10_000)
    end = await type_along(10_000, 20_002)
    assert end < 150 << 20
    assert end - middle < 8 << 20
