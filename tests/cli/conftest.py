"""The installed console script, in a state folder of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

_SCHEMA = json.loads((Path(__file__).parents[2] / "docs/cli.schema.json").read_text())


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout, held to the documented schema."""
        found = json.loads(self.out)
        jsonschema.validate(found, _SCHEMA)
        return found


@dataclass
class Assay:
    folder: Path

    @property
    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        settings = {"ASSAY_STATE": str(self.state), "ASSAY_CONFIG": str(self.folder / "config.toml"),
                    "ASSAY_CACHE": str(self.folder / "cache")}  # fmt: skip
        return kept | settings

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def command(self) -> str:
        return str(Path(sys.executable).with_name("assay"))

    def __call__(self, *arguments: object, stdin: bytes = b"", **env: str) -> Said:
        done = subprocess.run(
            [self.command, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=self.env | env,
            cwd=self.folder,
            timeout=280,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def project(self, files: Mapping[str, str], name: str = "project") -> Path:
        root = self.folder / name
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(textwrap.dedent(text).lstrip("\n"))
        return root


@pytest.fixture
def assay(tmp_path: Path) -> Assay:
    return Assay(tmp_path)
