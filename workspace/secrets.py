"""Files that hold secrets, and secrets in text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from pathlib import PurePosixPath

_NAMES = frozenset(
    {
        ".bash_history",
        ".dockercfg",
        ".git-credentials",
        ".htpasswd",
        ".netrc",
        ".npmrc",
        ".pgpass",
        ".pypirc",
        ".python_history",
        ".terraformrc",
        ".vault-token",
        ".yarnrc.yml",
        ".zsh_history",
        "_netrc",
        "application_default_credentials.json",
        "client_secret.json",
        "credentials",
        "google-services.json",
        "htpasswd",
        "key.properties",
        "local.settings.json",
        "pip.conf",
        "secrets.json",
        "secrets.toml",
        "secrets.yaml",
        "secrets.yml",
        "service-account.json",
        "service_account.json",
        "terraform.rc",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "wp-config.php",
    }
)
_PATTERNS = (
    ".env",
    ".env.*",
    "*.env",
    "*.jks",
    "*.kdb",
    "*.kdbx",
    "*.key",
    "*.keystore",
    "*.p12",
    "*.p8",
    "*.pem",
    "*.pfx",
    "*.pkcs12",
    "*.ppk",
    "*.tfvars",
    "*.tfvars.json",
    "client_secret*.json",
    "credentials*.json",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "id_rsa*",
    "service-account*.json",
    "service_account*.json",
)
_FOLDERS = frozenset({".aws", ".azure", ".gnupg", ".kube", ".password-store", ".ssh"})
_LIKE_A_SECRET = re.compile("|".join(map(translate, _PATTERNS))).match
_PUBLIC = (".pub", ".py", ".pyi")  # public halves of keys, and code: `id_rsa_parser.py`
_EXAMPLES = (".example", ".sample", ".template", ".dist", ".tmpl", ".tpl", ".defaults")

# Named like a secret, but only with one inside: configuration that is mostly harmless, and public certificates.
_ONLY_WITH = {
    ".npmrc": re.compile(rb"(?i)_authtoken|_password|_auth\b|:_auth"),
    ".yarnrc.yml": re.compile(rb"(?i)npmAuth(?:Token|Ident)\b"),
    "pip.conf": re.compile(rb"(?i)//[^/\s:@]*:[^/\s@]+@|\bpassword\b"),
    ".pem": re.compile(rb"PRIVATE KEY|OPENVPN|ENCRYPTED"),
}


def is_secret_file(path: str) -> bool:
    """Whether a file's name or folder says that it holds secrets: `.env`, `deploy.pem`, `.aws/config`.

    Examples are none: `.env.example`, `credentials.sample.json`. Judged by name alone, without a look inside.
    """
    folders, _, name = path.lower().rpartition("/")
    if "." in folders:
        places = folders.split("/")
        if not _FOLDERS.isdisjoint(places) or (places[-1] == ".docker" and name == "config.json"):
            return True
    if name not in _NAMES and _LIKE_A_SECRET(name) is None:
        return False
    if name.endswith((*_EXAMPLES, *_PUBLIC)):
        return False
    return not name.rpartition(".")[0].endswith(_EXAMPLES)


def is_secret_folder(name: str) -> bool:
    """Whether everything in a folder of this name is secret: `.ssh`."""
    return name.lower() in _FOLDERS


def may_be_harmless(path: str) -> bool:
    """Whether a look inside may clear a file that `is_secret_file` names: see `holds_secret`."""
    pure = PurePosixPath(path)
    return pure.name.lower() in _ONLY_WITH or pure.suffix.lower() in _ONLY_WITH


def holds_secret(path: str, content: bytes) -> bool:
    """Whether a file that `may_be_harmless` does hold a secret: an `.npmrc` with a token, a `.pem` with a key."""
    pure = PurePosixPath(path)
    wanted = _ONLY_WITH.get(pure.name.lower()) or _ONLY_WITH.get(pure.suffix.lower())
    return wanted is None or wanted.search(content) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    text: str
    found: tuple[str, ...]
    """What kinds of secret were replaced, in order, for the log: never the secrets themselves."""


def redact(text: str) -> str:
    """The text with each secret replaced by `[redacted: KIND]`; the number of lines stays as it was."""
    return redaction(text).text


def redactor(text: str) -> Callable[[str], str]:
    """`redact` for parts of this text: what the whole cannot hold is not looked for in each of them."""
    possible = _possible(text)
    if not possible:
        return lambda part: part
    return lambda part: _redaction(part, possible).text


def redaction(text: str) -> Redaction:
    """As `redact`, with what was found."""
    return _redaction(text, _SECRETS)


def _possible(text: str) -> tuple[_Secret, ...]:
    # Looking for a few letters costs a hundredth of a pattern, and most text has none of them.
    lowered = text.lower()
    present = {anchor for hint, anchors in _HINTS.items() if hint in lowered for anchor in anchors if anchor in lowered}
    return tuple(secret for secret in _SECRETS if present.intersection(secret[1])) if present else ()


def _redaction(text: str, secrets: tuple[_Secret, ...]) -> Redaction:
    found: list[str] = []
    lowered = text.lower()
    for kind, anchors, pattern, is_secret in secrets:
        for anchor in anchors:
            if anchor in lowered:
                break
        else:
            continue

        def replace(match: re.Match[str], kind: str = kind, is_secret: Callable[[str], bool] = is_secret) -> str:
            secret = match.group("secret")
            if not is_secret(secret):
                return match.group()
            found.append(kind)
            start, end = (at - match.start() for at in match.span("secret"))
            whole = match.group()
            lines = "\n" * secret.count("\n")
            return f"{whole[:start]}[redacted: {kind}]{lines}{whole[end:]}"

        text = pattern.sub(replace, text)
    return Redaction(text=text, found=tuple(found))


def _always(secret: str) -> bool:
    return bool(secret)


def _entropy(text: str) -> float:
    """Bits per character of the text's own letter frequencies."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


_PLACEHOLDER = re.compile(r"(?i)^[<\[{$%]|example|placeholder|dummy|changeme|your[_-]|xxxx|\.\.\.|\*\*\*|redacted")


def _is_random(secret: str) -> bool:
    """Whether a value looks drawn at random: long, of letters and digits, and no placeholder.

    3.5 bits per character lets hexadecimal digests and base64 through and stops identifiers and sentences: a
    redacted piece of ordinary code would spoil the edit that a model writes for it.
    """
    if len(secret) < 16 or _PLACEHOLDER.search(secret):
        return False
    kinds = any(c.isdigit() for c in secret) + any(c.isalpha() for c in secret)
    return kinds == 2 and _entropy(secret) >= (3.0 if re.fullmatch(r"[0-9a-fA-F-]+", secret) else 3.5)


def _is_password(secret: str) -> bool:
    kinds = sum(bool(re.search(kind, secret)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]"))
    return len(secret) >= 8 and kinds >= 3 and not _PLACEHOLDER.search(secret)


# What every match of a kind contains, in lower case.
_ANCHORS = {
    "private key": ("private key",),
    "AWS access key": ("akia", "asia", "abia", "acca"),
    "AWS secret key": ("aws",),
    "GitHub token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "GitLab token": ("glpat-", "gldt-", "glrt-", "glptt-"),
    "Slack token": ("xox",),
    "Slack webhook": ("hooks.slack.com",),
    "Stripe key": ("k_live_", "k_test_"),
    "model key": ("sk-",),
    "Google key": ("aiza",),
    "Hugging Face token": ("hf_",),
    "npm token": ("npm_",),
    "PyPI token": ("pypi-age",),
    "JSON web token": ("eyj",),
    "credential": ("bearer", "basic"),
    "password": ("://", "passwd", "password"),
    "secret": ("api_key", "api-key", "apikey", "secret", "token", "credential", "private_key", "private-key",
               "privatekey", "access_key", "access-key", "accesskey", "auth_key", "auth-key", "authkey"),
}  # fmt: skip
_SENSITIVE_WORD = r"(?:api[_-]?key|apikey|secret|token|credential|private[_-]?key|access[_-]?key|auth[_-]?key)"


def _hint(anchor: str) -> str:
    return next((part for part in ("key", "gh", "gl", "k_", "passw") if part in anchor), anchor)


_Secret = tuple[str, tuple[str, ...], re.Pattern[str], Callable[[str], bool]]
_HINTS = {
    hint: tuple(anchor for anchors in _ANCHORS.values() for anchor in anchors if _hint(anchor) == hint)
    for hint in {_hint(anchor) for anchors in _ANCHORS.values() for anchor in anchors}
}
"""What many anchors share, with those that share it: one look for all of them."""
_SECRETS: tuple[_Secret, ...] = tuple(
    (kind, _ANCHORS[kind], re.compile(pattern), check)
    for kind, pattern, check in (
        (
            "private key",
            r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?P<secret>[\s\"'\\A-Za-z0-9+/=:,.()-]{32,8000}?)(?=-----END |\Z)",
            _always,
        ),
        ("AWS access key", r"\b(?P<secret>(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b", _always),
        (
            "AWS secret key",
            r"(?i)\baws[\w.-]{0,20}secret[\w.-]{0,20}[\"']?\s{0,4}[=:]\s{0,4}[\"']?(?P<secret>[a-z0-9/+]{40})\b",
            _always,
        ),
        (
            "GitHub token",
            r"\b(?P<secret>gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b",
            _always,
        ),
        ("GitLab token", r"\b(?P<secret>gl(?:pat|dt|rt|ptt)-[A-Za-z0-9_-]{20,64})", _always),
        ("Slack token", r"\b(?P<secret>xox[abeoprs]-[A-Za-z0-9-]{10,255})", _always),
        ("Slack webhook", r"\bhooks\.slack\.com/services/(?P<secret>T\w{6,}/B\w{6,}/\w{16,})", _always),
        ("Stripe key", r"\b(?P<secret>[sr]k_(?:live|test)_[A-Za-z0-9]{16,255})\b", _always),
        ("model key", r"\b(?P<secret>sk-(?:[a-z]{2,8}[0-9]{0,2}-){0,3}[A-Za-z0-9_-]{20,255})", _is_random),
        ("Google key", r"\b(?P<secret>AIza[0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])", _always),
        ("Hugging Face token", r"\b(?P<secret>hf_[A-Za-z0-9]{30,64})\b", _always),
        ("npm token", r"\b(?P<secret>npm_[A-Za-z0-9]{36})\b", _always),
        ("PyPI token", r"\b(?P<secret>pypi-AgE[A-Za-z0-9_-]{32,255})", _always),
        (
            "JSON web token",
            r"\b(?P<secret>eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,4096})",
            _always,
        ),
        ("credential", r"(?i)\b(?:bearer|basic)[ \t]{1,4}(?P<secret>[a-z0-9._~+/-]{16,4096}={0,2})", _is_random),
        ("password", r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@\"']{0,64}:(?P<secret>[^/\s@\"']{6,128})@", _is_password),
        (
            "secret",
            rf"(?i)\b[\w.-]{{0,40}}{_SENSITIVE_WORD}[\w.-]{{0,40}}[\"']?\s{{0,4}}(?::=|=>|[:=])\s{{0,4}}"
            r"[\"'](?P<secret>[^\"'\s]{16,512})[\"']",
            _is_random,
        ),
        (
            "secret",
            rf"(?im)^[ \t]{{0,16}}(?:export[ \t]{{1,4}})?[\w.-]{{0,40}}{_SENSITIVE_WORD}[\w.-]{{0,40}}[ \t]{{0,4}}[:=]"
            r"[ \t]{0,4}(?P<secret>[a-z0-9+/_=-]{16,512})[ \t]{0,16}\r?$",
            _is_random,
        ),
        (
            "password",
            r"(?i)\b[\w.-]{0,40}passw(?:or)?d[\w.-]{0,40}[\"']?\s{0,4}(?::=|=>|[:=])\s{0,4}"
            r"[\"'](?P<secret>[^\"'\s]{8,128})[\"']",
            _is_password,
        ),
    )
)
