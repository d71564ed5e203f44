"""The example notebooks run from top to bottom, and what they assert holds."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel and Matplotlib keep theirs at home, where perhaps nobody may write."""
    for name in ("IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def test_there_are_some() -> None:
    assert len(NOTEBOOKS) >= 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own parts
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_STORE", str(tmp_path / "runs.db"))
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "kept without outputs"
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output["text"]


def test_a_run_shows_figures_and_words(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    source = "import steepest\nsteepest.minimize('x**2', start={'x': 3}, lr=0.1, remedies=False)"
    cell = nbformat.v4.new_code_cell(source)
    notebook.cells.append(cell)
    NotebookClient(notebook, timeout=300).execute()
    (output,) = notebook.cells[0].outputs
    assert set(output.data) == {"text/plain", "text/html"}
    assert "Why: print(run.why())" in output.data["text/plain"]
    page = output.data["text/html"]
    assert page.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts"' in page
    assert "data:image/png;base64," in page
