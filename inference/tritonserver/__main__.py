"""`python -m inference.tritonserver FOLDER`: install the server there, with everything that its models need."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from inference.tritonserver.errors import InstallFailed
from inference.tritonserver.install import install


def _say(text: str) -> None:
    sys.stderr.write(f"{text[:1].upper()}{text[1:]}\n")
    sys.stderr.flush()


def main() -> int:
    if len(sys.argv) != 2:
        _say("usage: python -m inference.tritonserver FOLDER")
        return 2
    try:
        asyncio.run(install(Path(sys.argv[1]).absolute(), _say, extra="transformers"))
    except InstallFailed as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
