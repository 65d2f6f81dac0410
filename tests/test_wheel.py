"""What is installed: the library with its data and the book's package, no more."""

import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec

import pytest

from .support.files import ROOT, tracked


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Names of the files in the wheel."""
    if find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed: no wheel can be built offline")
    folder = tmp_path_factory.mktemp("project")
    for path in tracked():
        copy = folder / "source" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--quiet", "--wheel-dir", "wheels", "./source"]
    subprocess.run(command, cwd=folder, check=True)
    (wheel,) = (folder / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


def test_the_two_packages_are_whole(installed):
    """Each of their files in git, data and scripts included."""
    for package, parent in (("fusionlib", ROOT), ("fusionbook", ROOT / "book")):
        files = {path.relative_to(parent).as_posix() for path in tracked()
                 if path.is_relative_to(parent / package)}  # fmt: skip
        assert files <= installed
    names = "\n".join(installed)
    for ending in ("_infrared.png", "tno_registry.json", "table2_nabf.csv", "py.typed",
                   "convsr_dictionary.safetensors", ".js", ".css"):  # fmt: skip
        assert ending in names


def test_nothing_else_is_installed(installed):
    tops = {name.split("/")[0] for name in installed}
    about = {top for top in tops if top.endswith(".dist-info")}
    assert tops - about == {"fusionlib", "fusionbook"}
    tools = ("render", "learning", "training")
    assert not {name for name in installed if any(tool in name for tool in tools)}
