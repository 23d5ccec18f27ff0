"""`python -m inference.tritonserver FOLDER [transformers]`: install the server there, and what its models need."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from inference.tritonserver.errors import InstallFailed
from inference.tritonserver.install import Extra, install


def _say(text: str) -> None:
    sys.stderr.write(f"{text[:1].upper()}{text[1:]}\n")
    sys.stderr.flush()


def main() -> int:
    match sys.argv[1:]:
        case [folder]:
            extra: Extra = ""
        case [folder, "transformers"]:
            extra = "transformers"
        case _:
            _say("usage: python -m inference.tritonserver FOLDER [transformers]")
            return 2
    try:
        asyncio.run(install(Path(folder).absolute(), _say, extra=extra))
    except InstallFailed as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
