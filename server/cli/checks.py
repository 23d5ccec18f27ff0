"""What `assay doctor` says of one part."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    status: str
    """ok, warning (something is lost) or failed (Assay cannot do its main job)."""
    detail: str
    advice: str = ""


def folder_check(name: str, folder: Path, variable: str, kept: str) -> Check:
    """Whether a folder of Assay's own can be written.

    :param variable: of the environment, that names another one.
    :param kept: what is kept there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        advice = f"Make it writable, or set {variable} to a folder that is; {kept} are kept there."
        return Check(name=name, status="failed", detail=f"{folder}: {error.strerror}", advice=advice)
    return Check(name=name, status="ok", detail=f"{folder} can be written")
