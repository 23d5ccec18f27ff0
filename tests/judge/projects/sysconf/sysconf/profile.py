import os
from dataclasses import dataclass

from sysconf.sizes import parse_size

SYSTEM_PROFILE = "/etc/sysconf-demo/profile"


@dataclass
class Profile:
    memory: int = 512 * 1024**2
    workers: int = 2
    verbose: bool = False


def load_profile(path=None, environ=os.environ):
    """Return the profile in a file of `key=value` lines; the environment wins."""
    values = {}
    if path is not None:
        with open(path, encoding="utf-8") as file:
            for line in file:
                line = line.split("#", 1)[0].strip()
                if line:
                    key, _, value = line.partition("=")
                    values[key.strip()] = value.strip()
    for key in ("memory", "workers", "verbose"):
        name = f"SYSCONF_{key.upper()}"
        if name in environ:
            values[key] = environ[name]
    profile = Profile()
    if "memory" in values:
        profile.memory = parse_size(values["memory"])
    if "workers" in values:
        profile.workers = int(values["workers"])
    if "verbose" in values:
        profile.verbose = values["verbose"] == "yes"
    return profile


def system_profile():
    return load_profile(SYSTEM_PROFILE)
