"""Execute notebooks and store them in place, outputs included: `make notebooks`, or with the paths of some of them.

Building twice gives the same bytes. So nothing is stored that differs from run to run or from machine to machine:
widget state and models, timings, the Python version. A cell keeps its id; one without an id gets a hash of its text.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = ("editable", "jupyter", "slideshow", "tags")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
"""Points to a model that lives in a kernel: in a stored notebook it shows as an error. The picture beside it stays."""


def normalise(notebook: dict[str, Any]) -> str:
    """The text of the notebook as it is stored."""
    ids: set[str] = set()
    for cell in notebook["cells"]:
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        name = cell.get("id") or hashlib.sha256(source.encode()).hexdigest()[:8]
        while name in ids:
            name = hashlib.sha256(name.encode()).hexdigest()[:8]
        ids.add(name)
        cell["id"] = name
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key in CELL_METADATA}
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    notebook.update(metadata=METADATA, nbformat=4, nbformat_minor=5)
    return nbformat.writes(nbformat.reads(json.dumps(notebook), as_version=4)) + "\n"


def execute(path: Path) -> str:
    """The text of the notebook at `path`, executed from top to bottom and normalised."""
    # Read as plain JSON: nbformat would give a cell that has no id a random one.
    notebook = nbformat.reads(normalise(json.loads(path.read_text(encoding="utf-8"))), as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        config=Config(KernelManager={"transport_encryption": "auto"}),  # else the kernel prints a warning
    )
    client.execute()
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{path.name}, cell {number} wrote to stderr: {output.text}")
    return normalise(notebook)


if __name__ == "__main__":
    paths = [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        before, after = path.read_text(encoding="utf-8"), execute(path)
        path.write_text(after, encoding="utf-8", newline="\n")
        print(f"{path.name}: {'unchanged' if before == after else 'rebuilt'}", flush=True)
