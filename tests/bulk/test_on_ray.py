"""The same job on Ray Data, here on two processors; the cluster is this machine."""

import pytest
from archive import SEED, fill, here, tree

from underdrawing.bulk.on_ray import on_ray
from underdrawing.bulk.run import BulkRun
from underdrawing.bulk.settings import BulkSettings

pytest.importorskip("ray", reason="the extra 'ray' is not installed")


@pytest.mark.slow
def test_ray_writes_the_same_bytes(tmp_path):
    source = fill(tmp_path / "in")
    for name, engine in (("here", here), ("ray", on_ray)):
        with BulkRun(BulkSettings("protect", str(source), str(tmp_path / name), seed=SEED)) as job:
            lines = list(job.run(2, engine))
            assert {line["status"] for line in lines} == {"done"} and job.left == 0
            assert list(job.run(2, engine)) == []
    assert len(lines) == 4
    assert tree(tmp_path / "ray") == tree(tmp_path / "here")
