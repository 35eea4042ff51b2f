"""The project's own promises: package lists that agree, layers that hold, one licence statement, one version."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import build_notebooks
import check
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = check.ROOT
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LICENCE = "Code is under the MIT licence; text and figures are under CC BY 4.0."
FOLDERS = ("flashsale_lib", "formulas", "model", "decisions", "discrete_event", "pictures", "classroom")
"""Of the library, from the ground up: a module imports from its own folder and from those before it."""
MODULES = {path.stem: path for path in sorted((ROOT / "flashsale_lib").rglob("*.py")) if path.stem != "__init__"}
PURE = {"moments", "plotted", "shown", "keys", "written"}
"""In the upper three folders, but numbers only: what a picture is made of before it is one, and how answers are read."""
PRESENTATION = {name for name, path in MODULES.items() if path.parent.name in FOLDERS[4:]} - PURE
"""What may bring matplotlib, ipywidgets or SimPy. All others are the numbers floor: covered by tests to the last branch."""
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# --- packages ---------------------------------------------------------------------------------------------------------

CONDA_SPEC = re.compile(r"(?P<name>[a-z0-9._-]+) (?P<bounds>(?:[<>]=?\d+(?:\.\d+)*)(?:,[<>]=?\d+(?:\.\d+)*)*)")
PYPI_NAMES = {"playwright-python": "playwright"}


def conda_bounds(specs: list[Any]) -> dict[str, SpecifierSet]:
    """Bounds by PyPI name; a spec that conda or we could read in two ways is refused."""
    bounds: dict[str, SpecifierSet] = {}
    for spec in specs:
        if isinstance(spec, dict):
            wanted = [Requirement(each) for each in spec["pip"] if each != "-e ."]
            bounds |= {canonicalize_name(each.name): each.specifier for each in wanted}
            continue
        if spec == "pip":
            continue
        match = CONDA_SPEC.fullmatch(spec)
        assert match, f"environment.yml: cannot read {spec!r}; write 'name >=1.2,<3'"
        name = canonicalize_name(PYPI_NAMES.get(match["name"], match["name"]))
        assert name not in bounds, f"environment.yml lists {name} twice"
        bounds[name] = SpecifierSet(match["bounds"])
    return bounds


def pypi_bounds() -> dict[str, SpecifierSet]:
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    wanted = [Requirement(line) for line in lines]
    bounds = {canonicalize_name(each.name): each.specifier for each in wanted}
    assert len(bounds) == len(lines), "pyproject.toml lists a package twice"
    return {"python": SpecifierSet(PROJECT["requires-python"]), **bounds}


def test_conda_and_pip_install_the_same_ranges() -> None:
    # No conda solver runs here: that these specs can be solved is not tested, only that they say what pip is told.
    environment = yaml.safe_load(read("environment.yml"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert conda_bounds(environment["dependencies"]) == pypi_bounds()
    (by_pip,) = [spec["pip"] for spec in environment["dependencies"] if isinstance(spec, dict)]
    assert by_pip[0] == "-e ."


@pytest.mark.parametrize(
    "spec", ["numpy", "numpy=2", "numpy >= 2", "numpy >=2.*", "numpy >=2,", "conda-forge::numpy >=2"]
)
def test_a_spec_that_cannot_be_read_is_refused(spec: str) -> None:
    with pytest.raises(AssertionError, match="cannot read"):
        conda_bounds([spec])


def test_every_package_has_a_lower_bound() -> None:
    for name, bounds in pypi_bounds().items():
        assert any(bound.operator == ">=" for bound in bounds), (
            f"{name} needs a lower bound, for the oldest-versions run"
        )


def test_the_environment_ships_its_jupyter_settings() -> None:
    settings = [path for path in (ROOT / "etc").rglob("*") if path.suffix in (".json", ".py")]
    assert len(settings) == 3
    for path in settings:
        name = path.relative_to(ROOT)
        installed = Path(sys.prefix, name)
        assert installed.exists(), f"{installed} is missing: install this project with hatchling (pip install -e .)"
        assert installed.read_text(encoding="utf-8") == read(str(name)), f"{installed} is an old one: install again"


# --- layers -----------------------------------------------------------------------------------------------------------


def imports(path: Path) -> set[str]:
    """Every module that the file imports, anywhere in it, by its full name."""
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            found |= {".".join([*start, *filter(None, [node.module]), alias.name]) for alias in node.names}
    return found


def own_imports(path: Path) -> set[str]:
    """Modules of this library that the file imports."""
    own = set()
    for name in imports(path):
        first, *rest = name.split(".")
        if first == "flashsale_lib":
            module = next((part for part in rest if part in MODULES and part not in FOLDERS), None)
            assert module, f"{path.name} imports {name}: name the module instead of the package"
            own.add(module)
    return own


@pytest.mark.parametrize("name", MODULES)
def test_a_folder_imports_only_from_those_below(name: str) -> None:
    mine = FOLDERS.index(MODULES[name].parent.name)
    above = {each for each in own_imports(MODULES[name]) if FOLDERS.index(MODULES[each].parent.name) > mine}
    assert not above, f"{name} is in {FOLDERS[mine]}, below these"


@pytest.mark.parametrize("name", sorted(set(MODULES) - PRESENTATION))
def test_numbers_never_import_presentation(name: str) -> None:
    assert not own_imports(MODULES[name]) & PRESENTATION, "this module is on the numbers floor"
    packages = {each.partition(".")[0] for each in imports(MODULES[name])}
    assert not packages & {"matplotlib", "ipywidgets", "IPython", "simpy"}


def test_no_module_imports_in_a_circle() -> None:
    graph = {name: own_imports(path) for name, path in MODULES.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


def test_module_names_are_unique_and_every_folder_says_what_it_is_for() -> None:
    folders = [path for path in (ROOT / "flashsale_lib").iterdir() if (path / "__init__.py").exists()]
    assert {path.name for path in folders} == set(FOLDERS[1:])
    for folder in folders:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    files = [path for path in (ROOT / "flashsale_lib").rglob("*.py") if path.stem != "__init__"]
    assert len(files) == len(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_at_most_400_lines(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 400


def test_importing_the_library_loads_no_heavy_package() -> None:
    heavy = ("matplotlib", "ipywidgets", "IPython", "simpy", "numba", "pandas")
    code = f"import flashsale_lib, sys; print(*[name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_the_library_readme_lists_every_module_in_its_folder() -> None:
    table = read("flashsale_lib/README.md").partition("| folder | module |")[2].partition("\n\n")[0]
    listed: dict[str, set[str]] = {}
    folder = FOLDERS[0]
    for _, first, modules, _ in (line.split("|", 3) for line in table.splitlines() if "`" in line):
        folder = next(iter(re.findall(r"`(\w+)/?`", first)), folder)
        listed.setdefault(folder, set()).update(re.findall(r"`(\w+)`", modules))
    assert listed == {each: {n for n, p in MODULES.items() if p.parent.name == each} for each in FOLDERS}


# --- notebooks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_as_built(path: Path) -> None:
    # nbval does not compare a cell that was never executed, so an unrun notebook would pass it.
    text = path.read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)), "not run from top to bottom: make notebooks"
    assert build_notebooks.normalise(json.loads(text)) == text, "not stored the way `make notebooks` does"


# --- statements -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["LICENSE", "README.md", "CITATION.cff", "pyproject.toml", "CONTRIBUTING.md"])
def test_the_licence_is_said_the_same_way_everywhere(name: str) -> None:
    assert LICENCE in " ".join(read(name).split())


def test_version_and_licence_agree() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert str(citation["version"]) == PROJECT["version"]
    assert " AND ".join(citation["license"]) == PROJECT["license"]


def test_ci_runs_the_same_commands_everywhere() -> None:
    workflow = yaml.safe_load(read(".github/workflows/ci.yml"))
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    assert {"push", "pull_request", "schedule"} <= set(triggers)
    job = workflow["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert {system.split("-")[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}
    oldest, newest = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert matrix["python"] == [f"3.{oldest}", f"3.{int(newest) - 1}"]
    assert [each["resolution"] for each in matrix["include"]] == ["lowest-direct"]
    scripts = [step["run"].strip() for step in job["steps"] if "run" in step]
    assert scripts[0] == ".ci/run"
    assert read(".ci/run").rstrip().endswith("make test")
    assert "$(BIN)/python tests/check.py" in read("Makefile")
    assert scripts[1].splitlines()[-1] == r".venv\Scripts\python tests\check.py"
