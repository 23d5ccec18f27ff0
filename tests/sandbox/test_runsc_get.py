"""scripts/get-runsc: from whatever apt is set up for here, without root, and with advice where it cannot."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/get-runsc"
PROGRAMS = ("sh", "sed", "uname", "dirname", "id", "rm", "mkdir", "mv", "tail", "cat", "sort", "env")

CONTROL = """Package: runsc
Version: {version}
Architecture: all
Maintainer: nobody <nobody@example.invalid>
Description: stands in for runsc
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of the script in a project of its own, and apt set up for an archive in a folder."""

    root: Path
    archive: Path
    path: str = "/usr/sbin:/usr/bin:/sbin:/bin"

    def publish(self, suite: str, version: str) -> None:
        """Put a package of this version into a suite of the archive."""
        build = self.archive / "build"
        shutil.rmtree(build, ignore_errors=True)
        for folder in ("DEBIAN", "usr/bin", "usr/share/doc/runsc"):
            (build / folder).mkdir(parents=True)
        (build / "DEBIAN/control").write_text(CONTROL.format(version=version))
        (build / "usr/share/doc/runsc/copyright").write_text("Apache-2.0\n")
        program = build / "usr/bin/runsc"
        program.write_text(f"#!/bin/sh\necho runsc version {version}\n")
        program.chmod(0o755)
        deb = self.archive / f"runsc_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", build, deb], check=True, stdout=subprocess.DEVNULL)
        content = deb.read_bytes()
        fields = f"Filename: {deb.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"
        for component, text in (("main", CONTROL.format(version=version) + fields), ("contrib", "")):
            index = self.archive / f"dists/{suite}/{component}/binary-{architecture()}/Packages"
            index.parent.mkdir(parents=True)
            index.write_text(text)

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "scripts/get-runsc"],
            env={"PATH": self.path, "APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def version(self) -> str:
        said = subprocess.run([self.root / ".tools/runsc/runsc"], capture_output=True, text=True, check=True)
        return said.stdout.split()[-1]


def architecture() -> str:
    said = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def codename() -> str:
    lines = Path("/etc/os-release").read_text().split("\n")
    return next(line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME="))


@pytest.fixture(params=["one line", "deb822"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Checkout:
    root, archive = tmp_path / "a project", tmp_path / "archive"
    (root / "scripts").mkdir(parents=True)
    (root / "sources").mkdir()
    archive.mkdir()
    shutil.copy(SCRIPT, root / "scripts")
    if request.param == "one line":
        (root / "sources/a.list").write_text(f"deb copy:{archive} {codename()} main contrib\n")
    else:
        (root / "sources/a.sources").write_text(
            f"Types: deb\nURIs: copy:{archive}\nSuites: {codename()}\nComponents: main\n"
        )
    (root / "apt.conf").write_text(
        'Dir::Etc::SourceList "/dev/null";\n'
        f'Dir::Etc::SourceParts "{root}/sources";\n'
        'Acquire::AllowInsecureRepositories "true";\n'
        'APT::Get::AllowUnauthenticated "true";\n'
    )
    return Checkout(root, archive)


def test_takes_backports_first(checkout: Checkout) -> None:
    checkout.publish(codename(), "1")
    checkout.publish(f"{codename()}-backports", "2")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert checkout.version == "2"
    assert [path.name for path in (checkout.root / ".tools").iterdir()] == ["runsc"]


def test_takes_the_release_s_own_where_backports_have_none(checkout: Checkout) -> None:
    checkout.publish(codename(), "1")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert checkout.version == "1"


def test_does_nothing_when_it_is_there(checkout: Checkout) -> None:
    checkout.publish(codename(), "1")
    checkout.run()
    shutil.rmtree(checkout.archive)
    done = checkout.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_broken_one_is_replaced(checkout: Checkout) -> None:
    checkout.publish(codename(), "1")
    broken = checkout.root / ".tools/runsc/runsc"
    broken.parent.mkdir(parents=True)
    broken.write_text("half a file")
    broken.chmod(0o755)
    assert checkout.run().returncode == 0
    assert checkout.version == "1"


def test_says_what_to_do_when_the_archive_has_none(checkout: Checkout) -> None:
    done = checkout.run()
    assert done.returncode == 1
    for advice in ("Debian ", "Fedora ", "macOS ", "unverified", "Unable to locate package runsc"):
        assert advice in done.stderr
    assert not (checkout.root / ".tools/runsc-apt").exists()


def test_says_what_to_do_where_there_is_no_apt(checkout: Checkout, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(shutil.which(name) or name)
    done = Checkout(checkout.root, checkout.archive, str(programs)).run()
    assert done.returncode == 1
    assert "no apt" in done.stderr
    assert "Fedora " in done.stderr
