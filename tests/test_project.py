"""The project's own files agree with each other, and with what the code does."""

import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from .support.files import ROOT, tracked
from .support.imports import imports
from .support.missing import missing

#: Names that conda-forge gives to what the Python index calls otherwise.
CONDA = {"torch": "pytorch", "pywavelets": "pywavelets"}

#: Modules whose name is not the name of the package that brings them.
PACKAGE = {"PIL": "pillow", "pywt": "pywavelets", "skimage": "scikit-image"}

#: Packages that other packages in the list bring along.
BROUGHT = {
    "IPython": "ipywidgets", "traitlets": "ipywidgets", "dask": "distributed",
}  # fmt: skip


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def required(project):
    return parse(project["dependencies"])


@pytest.fixture(scope="module")
def extras(project):
    lists = project["optional-dependencies"]
    return {name: parse(requirements) for name, requirements in lists.items()}


def parse(requirements):
    found = map(Requirement, requirements)
    return {one.name.lower(): one.specifier for one in found}


def versions(specifiers):
    """The versions of exact pins."""
    return {name: str(one).removeprefix("==") for name, one in specifiers.items()}


def test_every_dependency_has_one_exact_pin(required, extras):
    pins = versions(extras["pinned"])
    lists = [required, *(extras[name] for name in extras if name != "pinned")]
    assert {name for requirements in lists for name in requirements} == set(pins)
    for requirements in lists:
        for name, bounds in requirements.items():
            assert bounds.contains(pins[name]), f"{name}: {pins[name]} is not {bounds}"


def test_users_get_bounds_and_no_exact_versions(required, extras):
    free = [required, *(extras[name] for name in extras if name != "pinned")]
    operators = {one.operator for requirements in free
                 for bounds in requirements.values() for one in bounds}  # fmt: skip
    assert operators <= {">=", "<"}


def imported(folder):
    """Packages that the modules of a folder import, each with the files."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        for name in imports(path, folder.parent, everywhere=True):
            name = name.partition(".")[0]
            if name not in {*sys.stdlib_module_names, "fusionlib", "fusionbook"}:
                package = PACKAGE.get(name) or BROUGHT.get(name, name)
                found.setdefault(package.lower(), set()).add(path.name)
    return found


def test_the_library_imports_what_it_requires_and_nothing_else(required, extras):
    found = imported(ROOT / "fusionlib")
    optional = {
        *extras["onnx"],
        *extras["cluster"],
        *extras["completion"],
        "matplotlib",
    }
    unknown = {name: found[name] for name in found.keys() - required.keys() - optional}
    assert not unknown
    assert not required.keys() - found.keys(), "required, but never imported"


def test_the_book_imports_what_its_extra_brings(required, extras):
    found = imported(ROOT / "book" / "fusionbook")
    unknown = found.keys() - required.keys() - extras["book"].keys()
    assert not {name: found[name] for name in unknown}


def test_environment_yml_has_the_same_pins(extras):
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
    pins = versions(extras["pinned"])
    assert found == {CONDA.get(name, name): version for name, version in pins.items()}


def test_no_file_names_the_host_of_a_package_registry():
    """Where packages come from is the reader's setting."""
    parts = [("pypi", "org"), ("files", "pythonhosted"), ("npmjs", "org"),
             ("npmjs", "com"), ("conda", "anaconda"), ("anaconda", "org"),
             ("download", "pytorch", "org/whl"), ("deb", "debian"),
             ("crates", "io")]  # fmt: skip
    hosts = re.compile("|".join(re.escape(".".join(part)) for part in parts).encode())
    assert [p for p in tracked() if hosts.search(p.read_bytes())] == []


def test_no_file_cites_what_a_reader_does_not_have():
    """Notes and lists of tasks from which the project was made are not part of it."""
    parts = [("METHOD", ".md"), ("DESIGN", ".md"), ("/wo", "rk/"), (".lib", "rary/")]
    words = [re.escape("".join(part)) for part in parts] + [r"\bissue #?[0-9]"]
    cited = re.compile("|".join(words).encode())
    text = [p for p in tracked() if p.suffix not in (".png", ".safetensors")]
    assert [p for p in text if cited.search(p.read_bytes())] == []


def make(*arguments):
    """Run make as if these tests were not run by make themselves."""
    own = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=own, capture_output=True, text=True
    )


def test_the_dataset_cards_link_to_what_is_there():
    card = ROOT / "data" / "README.md"
    links = re.findall(r"\]\(([^)]+)\)", card.read_text("utf-8"))
    assert "../fusionlib/tno_registry.json" in links
    for link in links:
        assert (card.parent / link).exists(), link


def test_documents_and_workflows_name_targets_of_the_makefile():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md",
             *(ROOT / "book").glob("*.md"), ROOT / ".ci" / "run",
             *(ROOT / ".github").rglob("*.yml")]  # fmt: skip
    command = re.compile(r"(?:`|^|run: )make ([a-z][a-z-]*)", re.M)
    named = {target for p in pages for target in command.findall(p.read_text("utf-8"))}
    assert named > {"book", "test"}
    # -n only prints what would be done.
    assert [name for name in sorted(named) if make("-n", name).returncode] == []


#: Files that a reader of CONTRIBUTING.md makes.
NEW = {"_minimum.py", "test_minimum.py", "10_name.ipynb", "name.py"}


def test_contributing_leads_to_what_is_there():
    """Its files and, behind a colon, the functions in them; scripts by their name."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    scripts = {path.name: path for path in (ROOT / "book").glob("**/static/*.js")}
    names = re.findall(r"`([\w/.]+\.(?:py|js|md|yml|json|toml))`", text)
    paths = {name: scripts.get(name, ROOT / name) for name in names}
    assert len(paths) > 20
    for name, path in paths.items():
        assert path.name in NEW or path.exists(), name
    pairs = [(file, function)
             for file, names in re.findall(r"`([^`]+)`: ((?:`\w+`(?:, )?)+)", text)
             for function in re.findall(r"\w+", names)]  # fmt: skip
    assert len(pairs) > 15
    for file, function in pairs:
        source = paths[file].read_text("utf-8")
        assert re.search(rf"(def|function|const) {function}\b", source), function


def test_make_help_explains_the_targets():
    explained = [line.split(maxsplit=1) for line in make("help").stdout.splitlines()]
    assert all(len(line) == 2 for line in explained)
    assert {"book", "test", "lab", "setup"} <= {name for name, _ in explained}


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))


WORKFLOWS = sorted(path.name for path in (ROOT / ".github" / "workflows").iterdir())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_name_files_that_exist(name):
    text = (ROOT / ".github" / "workflows" / name).read_text("utf-8")
    files = [file for call in re.findall(r"hashFiles\(([^)]*)\)", text)
             for file in re.findall(r"'([^']+)'", call)]  # fmt: skip
    files += re.findall(r"run: bash (\S+)", text)
    assert [file for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_step_of_a_workflow_may_fail_unnoticed(name):
    for job, content in workflow(name)["jobs"].items():
        assert not content.get("continue-on-error"), job
        for step in content["steps"]:
            assert not step.get("continue-on-error"), step
            command = re.sub(r"\$\{\{.*?\}\}", "", step.get("run", ""))
            assert "||" not in command, step


def test_only_what_passed_every_job_is_published():
    jobs = workflow("test.yml")["jobs"]
    publishing = [name for name, job in jobs.items()
                  if any("deploy-pages" in step.get("uses", "")
                         for step in job["steps"])]  # fmt: skip
    assert len(publishing) == 1
    assert {*jobs[publishing[0]]["needs"], *publishing} == set(jobs)


def test_what_is_missing_is_a_failure_only_where_it_is_required(monkeypatch):
    monkeypatch.delenv("FUSIONLIB_REQUIRE_DATA", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no pairs"):
        missing("DATA", "no pairs")
    monkeypatch.setenv("FUSIONLIB_REQUIRE_DATA", "1")
    with pytest.raises(pytest.fail.Exception, match="no pairs"):
        missing("DATA", "no pairs")
