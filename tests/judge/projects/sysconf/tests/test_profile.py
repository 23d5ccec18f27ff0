import pytest

from sysconf import Profile, load_profile
from sysconf.profile import system_profile


def test_defaults():
    assert load_profile(environ={}) == Profile()


def test_file(tmp_path):
    path = tmp_path / "profile"
    path.write_text("# mine\nmemory = 1g\nworkers=8  # many\n")
    assert load_profile(path, environ={}) == Profile(memory=1 << 30, workers=8)


def test_environment_wins(tmp_path):
    path = tmp_path / "profile"
    path.write_text("workers=8\n")
    assert load_profile(path, environ={"SYSCONF_WORKERS": "3"}).workers == 3


def test_verbose():
    assert load_profile(environ={"SYSCONF_VERBOSE": "yes"}).verbose is True


def test_bad_memory():
    with pytest.raises(ValueError):
        load_profile(environ={"SYSCONF_MEMORY": "lots"})


def test_system_profile_is_installed():
    # Passes on the machines of the team, where the package installs the file.
    assert system_profile().workers >= 1
