"""A new study is one file: found, run by name through the command, and its table is filled."""

import json

import pytest
from PIL import Image
from skimage import data

from underdrawing.bench import studies, tables
from underdrawing.bench.tables import find_studies, find_study
from underdrawing.cli import main
from underdrawing.core.errors import UsageError

STUDY = '''
"""Mean brightness of photographs, brighter by an option."""

from dataclasses import dataclass

from underdrawing.bench.harness.measures import plan
from underdrawing.bench.harness.record import Protocol
from underdrawing.bench.harness.render import Table
from underdrawing.bench.harness.run import Part, Study, run_parts
from underdrawing.bench.harness.subjects import Subject

PROTOCOL = Protocol("toy-brightness", sizes=(16,), quality_sets=("kodak24",))


@dataclass(frozen=True)
class Settings:
    more: float = 0.0


def run(run):
    more = run.read_settings(Settings).more

    def measure(subject, protocol, case):
        image, _ = case.photo.square(case.size)
        return [("all", {"brightness": subject.model(image) + more, "bright": bool(image.mean() > 60)})]

    cases = lambda sets, protocol, subject: plan(sets, protocol.quality_sets, 16, 1.0)
    subject = Subject("toy", lambda image: float(image.mean()), None)
    run_parts(run, STUDY.store(run.results), PROTOCOL, [(subject, Part("brightness", cases, measure))])


def table(store):
    if not store.parts:
        return None
    rows = [("all", store.cell("all/brightness", 1), store.cell("all/bright", 0, scale=100))]
    return [Table(("photos", "mean", "bright, %"), rows), store.conditions_table(), store.stale_note()]


STUDY = Study("toy-brightness", "mean brightness", run, {"toy-brightness": table}, Settings)
'''


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The file in a folder that discovery searches, and two photographs."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "toy_brightness.py").write_text(STUDY)
    monkeypatch.setattr(studies, "__path__", [*studies.__path__, str(tmp_path / "more")])
    (tmp_path / "kodak24").mkdir()
    for name, level in (("dark", 0.2), ("light", 1.0)):
        Image.fromarray((data.coffee() * level).astype("uint8")).save(tmp_path / "kodak24" / f"{name}.png")
    return tmp_path


def test_a_study_of_one_file_is_listed_run_by_name_and_shown(study, capsys):
    assert main(["bench"]) == 0
    assert "toy-brightness     mean brightness" in capsys.readouterr().out
    results = study / "results"
    command = ["bench", "toy-brightness", "--data", str(study), "--results", str(results), "--json"]
    assert main([*command, "--set", "more=100"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["status"] == "measured" and answer["figures"]["all/bright"]["mean"] == 0.5
    assert (results / "toy-brightness" / "toy.json").is_file()
    made = tables.fill("<!-- table:toy-brightness -->\n<!-- /table -->\n", results)
    mean = answer["figures"]["all/brightness"]["mean"]
    assert f"| all | {mean:.1f} | 50 |" in made and "| brightness | 2 | 1.00 |" in made and mean > 100
    assert main([*command, "--set", "less=1"]) == 64
    assert "no setting less; there are: more" in capsys.readouterr().err


def test_a_name_without_study_is_answered_with_all_names():
    with pytest.raises(UsageError, match=r"(?s)'nothing'.*photo-core.*registry"):
        find_study("nothing")


def test_studies_have_names_and_tables_of_their_own():
    found = list(find_studies().values())
    names = [name for study in found for name in study.tables]
    assert len(names) == len(set(names)) and all(study.summary for study in found)
