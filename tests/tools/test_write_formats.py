"""docs/FORMATS.md has every item of every inventory, as the containers state them."""

import importlib.util
from pathlib import Path

from underdrawing.data.containers import CONTAINERS

PATH = Path(__file__).parents[2] / "tools" / "write_formats.py"
_spec = importlib.util.spec_from_file_location("write_formats", PATH)
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)


def test_the_document_is_that_of_the_inventories():
    assert tool.main(["--check"]) == 0


def test_another_document_is_reported_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, "DOCUMENT", tmp_path / "FORMATS.md")
    assert tool.main(["--check"]) == 1
    assert "make tables" in capsys.readouterr().err
    assert tool.main([]) == 0
    text = (tmp_path / "FORMATS.md").read_text(encoding="utf-8")
    assert all(item.name in text for container in CONTAINERS for item in container.INVENTORY)
