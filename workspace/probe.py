"""Start a Python and ask what it is: the only proof that it works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

OLDEST = (3, 8)
"""The oldest Python that Assay's own code inside the sandbox runs on."""
SECONDS = 20.0
"""For one start. A cold one from a network disk or behind an antivirus takes several; nothing healthy takes this."""

_MARK = "assay-interpreter:"  # start-up code of the environment may print; the answer is the line with this mark
_QUESTION = (  # in the words of Python 2, too, so that an old one can still say that it is old
    "import json, sys, os\n"
    "try:\n"
    "    import site\n"
    "    found = list(site.getsitepackages())\n"
    "except Exception:\n"
    "    found = []\n"
    "found += [p for p in sys.path if os.path.basename(p) in ('site-packages', 'dist-packages')]\n"
    "try:\n"
    "    from importlib.util import find_spec\n"
    "    pytest = find_spec('pytest') is not None\n"
    "except Exception:\n"
    "    pytest = False\n"
    "print('" + _MARK + "' + json.dumps({'version': list(sys.version_info[:3]), 'executable': sys.executable,\n"
    "    'prefix': sys.prefix, 'base_prefix': getattr(sys, 'base_prefix', sys.prefix),\n"
    "    'packages': found, 'pytest': pytest}))\n"
)
_PASSED_ON = (  # what a launcher such as a pyenv or asdf shim needs to find the Python it stands for
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "SYSTEMROOT",
    "USERPROFILE",
    "LOCALAPPDATA",
    "TEMP",
    "TMP",
    "TMPDIR",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    executable: Path
    prefix: Path
    base_prefix: Path
    version: tuple[int, int, int]
    packages: tuple[Path, ...]
    has_pytest: bool


class NoAnswer(Exception):
    """The message completes the sentence `PATH ...`: `does not start: ...`."""


def ask(executable: Path, env: Mapping[str, str], *, cwd: Path) -> Answer:
    """What a Python says of itself, remembered until the file, its pyvenv.cfg or its packages change.

    It is started in isolated mode (`-I`): no user packages, no `PYTHON*` variables, no current folder on the path.

    :param env: where PATH and the like come from; nothing else of it is passed on.
    :param cwd: where a pyenv or asdf shim looks for the version that the project asks for.
    :raises NoAnswer: when it does not start, does not answer in time, or is too old.
    """
    passed_on = {name: env[name] for name in _PASSED_ON if name in env}
    key = (executable, cwd, tuple(passed_on.items()))
    if (known := _answers.get(key)) is not None and known[0] == _stamp(executable, known[1].packages):
        return known[1]
    answer = _ask(executable, passed_on, cwd)
    _answers[key] = (_stamp(executable, answer.packages), answer)
    return answer


_Stamp = tuple[int, ...]
_answers: dict[object, tuple[_Stamp, Answer]] = {}


def _stamp(executable: Path, packages: tuple[Path, ...]) -> _Stamp:
    return tuple(map(_changed, (executable, executable.parent.parent / "pyvenv.cfg", *packages)))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1


def _ask(executable: Path, env: dict[str, str], cwd: Path) -> Answer:
    output = _output((str(executable), "-I", "-c", _QUESTION), env, cwd)
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise NoAnswer("does not answer like a Python")
    try:
        told = cast("dict[str, Any]", json.loads(line.removeprefix(_MARK)))
        major, minor, micro = (int(part) for part in told["version"])
        answer = Answer(
            # As it was asked for when that is an environment's own name for it; a shim says what it stands for.
            executable=Path(told["executable"] or executable),
            prefix=Path(told["prefix"]),
            base_prefix=Path(told["base_prefix"]),
            version=(major, minor, micro),
            packages=tuple(path for path in map(Path, dict.fromkeys(told["packages"])) if path.is_dir()),
            has_pytest=bool(told["pytest"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise NoAnswer("does not answer like a Python") from error
    if answer.version < OLDEST:
        shown = ".".join(map(str, answer.version))
        raise NoAnswer(f"is Python {shown}, and Assay needs {OLDEST[0]}.{OLDEST[1]} or later")
    return answer


def _output(argv: tuple[str, ...], env: dict[str, str], cwd: Path) -> str:
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise NoAnswer(f"does not start: {error.strerror or error}") from error
    except ValueError as error:
        raise NoAnswer(f"does not start: {error}") from error
    try:
        output, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"did not answer within {SECONDS:g} s") from error
    finally:
        _end(process)
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip().splitlines()
        why = said[-1][:200] if said else f"exit code {process.returncode}"
        raise NoAnswer(f"does not start: {why}")
    return output.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process and of what it started, and take its exit code."""
    if process.returncode is None:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.communicate()
