"""A project whose Python has no pytest is lent ours, and nothing else of ours."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.lend import check_pytest, lent_folder, lent_mounts
from workspace.python import Interpreter

OWN = Interpreter(
    executable=Path("/opt/python/bin/python"),
    prefix=Path("/opt/python"),
    base_prefix=Path("/opt/python"),
    version=(3, 11, 4),
    packages=(),
    origin="a test",
    has_pytest=True,
)
WITHOUT = replace(OWN, has_pytest=False)


def test_one_that_has_pytest_is_lent_nothing() -> None:
    check_pytest(replace(OWN, version=(3, 8, 0)))
    assert lent_folder(OWN) is None
    assert lent_mounts(OWN) == ()


def test_one_that_has_none_is_lent_what_pytest_needs() -> None:
    check_pytest(WITHOUT)
    folder = lent_folder(WITHOUT)
    lent = {mount.target: mount for mount in lent_mounts(WITHOUT)}
    assert lent.keys() >= {f"{folder}/{name}" for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging")}
    assert not any(mount.writable for mount in lent.values())
    assert f"{folder}/py.py" in lent or f"{folder}/py" in lent
    for name in ("pluggy", "_pytest"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        assert lent[f"{folder}/{name}"].source == Path(spec.origin).parent


def test_no_more_of_our_environment_is_lent() -> None:
    sources = [mount.source for mount in lent_mounts(WITHOUT)]
    assert not any(Path(sys.prefix).is_relative_to(source) or source.name == "site-packages" for source in sources)


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 10, 99)])
def test_one_that_is_too_old_for_ours_is_told_what_to_do(version: tuple[int, int, int]) -> None:
    with pytest.raises(SandboxError) as caught:
        check_pytest(replace(WITHOUT, version=version))
    said = ".".join(map(str, version))
    assert str(caught.value) == (
        f"/opt/python/bin/python is Python {said} without pytest; install it there with"
        " `/opt/python/bin/python -m pip install pytest`"
    )
