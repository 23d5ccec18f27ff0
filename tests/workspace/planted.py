"""Secrets of many kinds, to be planted where a model must never see them. None of them is real, or opens anything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planted:
    kind: str
    line: str
    """As it stands in a file; it may have several lines."""
    secrets: tuple[str, ...]
    """What must not be seen of it."""


def _fake(*parts: str) -> str:
    # In pieces, so that no scanner of this repository takes an example for a leak.
    return "".join(parts)


def _one(kind: str, form: str, *parts: str) -> Planted:
    secret = _fake(*parts)
    return Planted(kind, form.replace("{}", secret), (secret,))


def _key(kind: str, seed: str) -> Planted:
    lines = [f"{seed}{number:02}" + "qX7vB2nM9kL4pR8sT1wY5zC3dF6gH0jA" for number in range(6)]
    block = "\n".join([f"-----BEGIN {kind}PRIVATE KEY-----", *lines, f"-----END {kind}PRIVATE KEY-----"])
    return Planted(f"{kind.strip() or 'PKCS 8'} private key", f'KEY = """{block}"""', tuple(lines))


PLANTED: tuple[Planted, ...] = (
    _one("AWS access key", "AWS_KEY = '{}'", "AKIA", "QYLPMN5HHHFPZAM2"),
    _one("AWS temporary key", "AWS_TEMPORARY = '{}'", "ASIA", "QYLPMN5HHHFPZAM3"),
    _one("AWS secret key", "aws_secret_access_key = '{}'", "wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYzzzzzzzKEY"),
    _one("GitHub personal token", "A = '{}'", "ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"),
    _one("GitHub OAuth token", "B = '{}'", "gho_", "b1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"),
    _one("GitHub user token", "C = '{}'", "ghu_", "c1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"),
    _one("GitHub server token", "D = '{}'", "ghs_", "d1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"),
    _one("GitHub refresh token", "E = '{}'", "ghr_", "e1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"),
    _one("GitHub fine-grained token", "F = '{}'", "github_pat_", "11ABCDEFG0abcdefghij_klmnopqrstuv"),
    _one("GitLab personal token", "G = '{}'", "glpat-", "aBcD1234eFgH5678iJkL"),
    _one("GitLab runner token", "H = '{}'", "glrt-", "bBcD1234eFgH5678iJkL"),
    _one("Slack bot token", "I = '{}'", "xoxb-", "123456789012-abcdefghij"),
    _one("Slack user token", "J = '{}'", "xoxp-", "123456789012-bbcdefghij"),
    _one(
        "Slack webhook",
        "K = 'https://hooks.slack.com/services/{}'",
        "T0123ABCD/",
        "B0123ABCD/",
        "a1B2c3D4e5F6g7H8i9J0k1L2",
    ),
    _one("Stripe live key", "L = '{}'", "sk_live_", "aBcD1234eFgH5678iJkL"),
    _one("Stripe restricted key", "M = '{}'", "rk_live_", "bBcD1234eFgH5678iJkL"),
    _one("model key", "N = '{}'", "sk-", "proj-aB3dE6gH9jK2mN5pQ8sT1vW4"),
    _one("another model key", "O = '{}'", "sk-", "ant-api03-bB3dE6gH9jK2mN5pQ8sT1vW4"),
    _one("Google key", "P = '{}'", "AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"),
    _one("Hugging Face token", "Q = '{}'", "hf_", "aBcDeFgHiJkLmNoPqRsTuVwXyZabcdefgh"),
    _one("npm token", "R = '{}'", "npm_", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"),
    _one("PyPI token", "S = '{}'", "pypi-AgEI", "cHlwaS5vcmcCJGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6"),
    _one(
        "JSON web token",
        "T = '{}'",
        "eyJhbGciOiJIUzI1NiJ9",
        ".eyJzdWIiOiIxMjM0NTY3ODkwIn0",
        ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ),
    _one("bearer credential", "U = 'Authorization: Bearer {}'", "9f86d081884c7d65", "9a2feaa0c55ad016"),
    _one("password of an address", "V = 'postgres://app:{}@db/x'", "S3cr", "et!pass"),
    _one("password", "DB_PASSWORD = '{}'", "T3cr", "et!pass"),
    _one("API key", 'api_key = "{}"', "q8Zr3", "vK1xT9mLw2P"),
    _one("client secret", 'W = {"client-secret": "{}"}', "r8Zr3", "vK1xT9mLw2P"),
    _one("access key", 'storage_access_key = "{}"', "s8Zr3", "vK1xT9mLw2P"),
    _one("token in the environment", 'X = """\nexport AUTH_TOKEN={}\n"""', "9f86d081884c7d65", "9a2feaa0c55ad017"),
    _key("RSA ", "MIIEpAIBAAKCAQ"),
    _key("OPENSSH ", "b3BlbnNzaC1rZXktdjE"),
    _key("", "MIIEvQIBADANBgkqhkiG"),
)

FILE = "\n".join(planted.line for planted in PLANTED) + "\n"
"""A Python file that holds all of them."""


def seen_in(text: str) -> list[str]:
    """The kinds of which something stands in a text."""
    return [planted.kind for planted in PLANTED if any(secret in text for secret in planted.secrets)]
