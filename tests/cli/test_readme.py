"""Links of the documents lead somewhere, and what they list is complete. Commands: tests/documents."""

import re
from pathlib import Path

import pytest

from underdrawing import zoo

ROOT = Path(__file__).parents[2]
DOCUMENTS = [str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_exist(document):
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or ((ROOT / document).parent / link).exists(), link


def test_every_room_is_drawn():
    drawn = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "underdrawing").iterdir()):
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"{path.name}/" in drawn, path.name


def test_cards_describe_every_weight():
    named = set()
    for name in (*zoo.names(), *zoo.names("block")):
        for weight in zoo.card(name).weights:
            weight.check()
            assert weight.size_bytes == weight.path.stat().st_size
            assert weight.licence
            assert weight.trained
            named.add(weight.path.resolve())
    assert named == set((ROOT / "underdrawing").resolve().rglob("*.safetensors"))
