"""The project's own files agree with each other."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]

#: Names that conda-forge gives to what the Python index calls otherwise.
CONDA = {"torch": "pytorch", "pywavelets": "pywavelets"}


def name_of(requirement):
    return re.split(r"[<>=!~\[ ]", requirement)[0].lower()


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pins(project):
    pinned = [p.split("==") for p in project["optional-dependencies"]["pinned"]]
    return {name.lower(): version for name, version in pinned}


def test_every_dependency_has_one_exact_pin(project, pins):
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *(extras[e] for e in extras if e != "pinned")]
    assert {name_of(r) for requirements in lists for r in requirements} == set(pins)


def test_environment_yml_has_the_same_pins(pins):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    found = {}
    for requirement in conda:
        name, _, version = requirement.partition("=")
        if name not in ("python", "pip"):
            found[name] = version
    for requirement in pip["pip"]:
        if requirement != "--no-deps -e .":
            name, _, version = requirement.partition("==")
            found[name.lower()] = version
    assert found == {CONDA.get(name, name): version for name, version in pins.items()}


def test_torch_and_torchvision_are_pinned_for_every_user(project):
    required = project["dependencies"]
    assert "torch==2.13.0" in required
    assert "torchvision==0.28.0" in required


def test_the_dataset_cards_link_to_what_is_there():
    card = ROOT / "data" / "README.md"
    links = re.findall(r"\]\(([^)]+)\)", card.read_text("utf-8"))
    assert "../fusionlib/tno_registry.json" in links
    for link in links:
        assert (card.parent / link).exists(), link


def test_every_make_target_is_explained():
    makefile = (ROOT / "Makefile").read_text()
    readme = (ROOT / "README.md").read_text()
    for target in ("book", "test", "lab", "data", "bench", "clean", "help"):
        assert re.search(rf"^{target}:.*## ", makefile, re.M), target
    assert "make book" in readme
    assert "make test" in readme
