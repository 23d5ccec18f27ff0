from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workspace.secrets import is_secret_file, redact, redaction


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    "path",
    words(
        r"""
    .env .env.local .env.production a/.ENV prod.env server.pem a/b/tls.key id_rsa id_rsa.bak id_ed25519 .netrc
    _netrc .pypirc .npmrc pip.conf credentials credentials.json credentials-prod.json .aws/config .ssh/known_hosts
    a/.ssh/x .docker/config.json .kube/config .git-credentials .htpasswd .pgpass key.p12 store.jks release.keystore
    cert.pfx terraform.tfstate prod.tfvars secrets.yaml service-account-7.json client_secret_1.json vault.kdbx
    .gnupg/x key.ppk
    """
    ),
)
def test_files_that_are_secret_by_name(path: str) -> None:
    assert is_secret_file(path)


@pytest.mark.parametrize(
    "path",
    words(
        r"""
    .env.example .env.sample .env.template .env.dist env.py environment.yml .envrc.md src/env/__init__.py keys.py
    credentials.py credentials.example.json id_rsa.pub monkey.py key.txt docs/secrets.md secrets.py aws/config
    docker/config.json config.json test_credentials.py environment/.gitkeep id_rsa_parser.py settings.toml
    """
    ),
)
def test_files_that_are_not(path: str) -> None:
    assert not is_secret_file(path)


def _fake(*parts: str) -> str:
    # In pieces, so that no scanner of this repository takes an example for a leak.
    return "".join(parts)


JWT = _fake("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0", ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U")


@pytest.mark.parametrize(
    ("secret", "kind", "text"),
    [
        (_fake("AKIA", "QYLPMN5HHHFPZAM2"), "AWS access key", "key = '{}'"),
        (_fake("wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYzzzzzzzKEY"), "AWS secret key", "aws_secret_access_key = {}"),
        (_fake("ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"), "GitHub token", "remote https://{}@host"),
        (_fake("github_pat_", "11ABCDEFG0abcdefghij_klmnopqrstuv"), "GitHub token", "{}"),
        (_fake("glpat-", "aBcD1234eFgH5678iJkL"), "GitLab token", "token: {}"),
        (_fake("xoxb-", "123456789012-abcdefghij"), "Slack token", "{}"),
        (_fake("sk_live_", "aBcD1234eFgH5678iJkL"), "Stripe key", "stripe.key = '{}'"),
        (_fake("sk-", "proj-aB3dE6gH9jK2mN5pQ8sT1vW4"), "model key", "OPENAI = {}"),
        (_fake("AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"), "Google key", "?key={}"),
        (_fake("hf_", "aBcDeFgHiJkLmNoPqRsTuVwXyZabcdefgh"), "Hugging Face token", "{}"),
        (_fake("npm_", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"), "npm token", "_authToken={}"),
        (_fake("pypi-AgEI", "cHlwaS5vcmcCJGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6"), "PyPI token", "password: {}"),
        (JWT, "JSON web token", "Authorization: {}"),
        (_fake("q8Zr3", "vK1xT9mLw2P"), "secret", 'api_key = "{}"'),
        (_fake("q8Zr3", "vK1xT9mLw2P"), "secret", '{{"client-secret": "{}"}}'),
        (_fake("9f86d081884c7d65", "9a2feaa0c55ad015"), "secret", "export AUTH_TOKEN={}"),
        (_fake("9f86d081884c7d65", "9a2feaa0c55ad015"), "credential", "curl -H 'Authorization: Bearer {}'"),
        (_fake("S3cr", "et!pass"), "password", "postgres://app:{}@db/x"),
        (_fake("S3cr", "et!pass"), "password", "DB_PASSWORD = '{}'"),
    ],
    ids=lambda value: value[:24],
)
def test_secrets_in_text_are_replaced(secret: str, kind: str, text: str) -> None:
    found = redaction(text.format(secret))
    assert secret not in found.text
    assert f"[redacted: {kind}]" in found.text
    assert found.found == (kind,)
    assert redact(found.text) == found.text, "a second time changes nothing"


@pytest.mark.parametrize("name", ["RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", ""])
def test_key_blocks_keep_their_number_of_lines(name: str) -> None:
    block = (
        f"-----BEGIN {name}PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7f0+/=\n" * 20 + f"-----END {name}PRIVATE KEY-----"
    )
    text = f"a = 1\nKEY = '''{block}'''\nb = 2\n"
    clean = redact(text)
    assert "MIIE" not in clean and clean.startswith("a = 1\n") and clean.endswith("\nb = 2\n")
    assert clean.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "token = get_token(request)",
        "api_key = os.environ['API_KEY']",
        'api_key = "your-api-key-goes-here"',
        'api_key = "<insert the key here>"',
        'token = "${GITHUB_TOKEN_FOR_CI_2}"',
        "password = 'password'",
        "password: str = Field(min_length=8)",
        'secret_name = "my-application-secret"',
        "def test_token_is_refreshed_when_it_expires() -> None:",
        "tokens = tokenize(source, encoding='utf-8')",
        "git@github.com:org/repo.git",
        "https://example.com:8080/path@v1",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "from secrets import token_hex",
        "sk-learn is not a key",
        "-----BEGIN PRIVATE KEY-----' in text",
        "keywords = 'abcdefghijklmnopqrstuvwxyz0123456789'",
        "basic authentication is described elsewhere",
    ],
)
def test_ordinary_code_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text())
def test_any_text_keeps_its_lines(text: str) -> None:
    assert redact(text).count("\n") == text.count("\n")


@pytest.mark.timeout(60)  # an expression that backtracks takes hours for these
@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "a-" * 100_000,
        "api_key" * 30_000,
        "secret=" * 30_000,
        "-----BEGIN PRIVATE KEY-----" * 8_000,
        "-----BEGIN PRIVATE KEY-----\n" + "A" * 200_000,
        "eyJ" + "A" * 200_000,
        "eyJAAAAAAAAA." * 15_000,
        "http://" * 30_000,
        "bearer " * 30_000,
        " " * 200_000,
        "password" + " " * 200_000,
    ],
    ids=lambda text: text[:16],
)
def test_hostile_text_costs_no_time(text: str) -> None:
    redact(text)
