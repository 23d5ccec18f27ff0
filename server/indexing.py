"""The index of a workspace, as the server and the command line ask for it: a client of its index host."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from retrieval.host.client import IndexClient, Launch
from retrieval.host.place import Place, place_of
from retrieval.index.progress import Progress
from server.configuration import cache_folder
from server.model_settings import ModelSettings
from server.settings import IndexSettings


def index_place(root: Path, settings: IndexSettings, env: Mapping[str, str]) -> Place:
    """Where the index of a workspace lies.

    :param root: absolute and resolved.
    """
    return place_of(root, cache_folder(env).resolve(), f"{settings.qdrant_url}\0{settings.qdrant_team}")


def index_client(
    root: Path,
    settings: IndexSettings,
    env: Mapping[str, str],
    *,
    models: Sequence[ModelSettings] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> IndexClient:
    """A connection that is made when something is asked.

    :param root: absolute and resolved.
    :param models: those that may embed, of which the settings name one or none.
    """
    config = {
        "root": str(root),
        "cache": str(cache_folder(env).resolve()),
        "index": asdict(settings),
        "models": [asdict(model) for model in models],
    }
    # -P: nothing of the folder that it is started in may be taken for our modules.
    launch = Launch(command=(sys.executable, "-P", "-m", "server.index_host"), config=json.dumps(config).encode())
    return IndexClient(index_place(root, settings, env), launch, on_progress)
