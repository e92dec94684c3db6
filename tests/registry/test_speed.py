"""The measurement of registries, small, and the table that is made from it."""

import json
import sys

from underdrawing.bench import tables, tables_registry
from underdrawing.bench.infrastructure import registry as speed
from underdrawing.registry.store import open_registry


def test_measures_and_fills_the_table(tmp_path, monkeypatch, capsys):
    out = tmp_path / "results" / "registry.json"
    for records in ("300", "150"):
        given = ["speed", "--records", records, "--batch", "100", "--out", str(out)]
        monkeypatch.setattr(sys, "argv", given)
        assert speed.main() == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["records"] == 300
    parts = json.loads(out.read_text())["parts"]
    assert list(parts) == ["sqlite, 150", "sqlite, 300"]
    figures = parts["sqlite, 300"]["figures"]
    assert figures["nearest_recall_at_1"] == 1 and figures["faults"] == 0
    assert figures["inserted_per_s"] > 0 and 1000 < figures["bytes_per_record"] < 10_000
    parts["sqlite, 300"]["figures"]["identity_ms"] = 2.5
    out.write_text(json.dumps({"parts": parts}))
    made = tables.fill("<!-- table:registry -->\n<!-- /table -->\n", out.parent)
    assert "| sqlite, 150 | sqlite, 300 |" in made
    assert "| look-up by identity, ms | <= 2 |" in made and "| 2.500 ✗ |" in made


def test_a_registry_is_filled_further(tmp_path):
    for records, inserted in ((64, 64), (128, 64), (128, None)):
        figures = {}
        for step in speed.measure(tmp_path / "registry.db", records, 32):
            figures |= step
        assert figures["records"] == records and figures.get("inserted") == inserted
        assert figures["nearest_recall_at_1"] == 1 and figures["faults"] == 0
    with open_registry(tmp_path / "registry.db") as registry:
        assert len({entry.record.identity for entry in registry}) == 128


def test_a_server_is_measured_too_with_what_decides_its_speed(postgres_with_pgvector, tmp_path, monkeypatch):
    out = tmp_path / "registry.json"
    url = postgres_with_pgvector.url() + "&vectors=pgvector"
    monkeypatch.setattr(
        sys, "argv", ["speed", "--url", url, "--records", "200", "--batch", "100", "--out", str(out)]
    )
    assert speed.main() == 0
    part = json.loads(out.read_text())["parts"]["postgres, pgvector, 200"]
    assert part["figures"]["nearest_recall_at_1"] == 1 and part["figures"]["bytes_per_record"] > 2000
    server = part["conditions"]["server"]
    assert server.startswith("PostgreSQL 1") and "fsync off" in server and "pgvector 0." in server
    assert server in (tables_registry.table(tmp_path) or "")
