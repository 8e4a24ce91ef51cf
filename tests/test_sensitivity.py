"""The layer scan and the study of mistakes: what is pruned, and what their commands record."""

import detectors
import pytest
import shapes

import explain_pruning
import scan_layers
from pinch.core import records
from pinch.core.record_types.studies import ExplainRecord, LayerScanRecord
from pinch.studies import explain, layer_scan
from pinch.weights.pruning import spread


class Validation:
    """An accuracy that is the share of weights that are not zero, of the network at hand relative to the first one."""

    def __init__(self, *_, **__):
        self.images, self._whole = 8, None

    def map50_95(self, network):
        nonzero = sum(int(p.count_nonzero()) for p in network.parameters())
        self._whole = self._whole or nonzero
        return 0.8 * nonzero / self._whole


@pytest.fixture
def model(tmp_path, monkeypatch):
    for study in (explain, layer_scan):
        monkeypatch.setattr(study, "Validation", Validation)
    return detectors.write(tmp_path / "toy.pt", width=0.125)


def test_a_layer_scan_prunes_each_layer_alone_and_a_spread_reads_it(model, tmp_path):
    data, record = shapes.write(tmp_path / "data", train=2, val=2), tmp_path / "layers.json"
    scan_layers.main([str(model), str(data), "--ratios", "0.5", "--output", str(record)])
    scan = records.read(record, LayerScanRecord).value
    assert (scan.model, scan.method, scan.split, scan.images, scan.base_map50_95) == ("toy", "coarse", "val", 8, 0.8)
    assert len({row.layer for row in scan.layers}) == len(scan.layers) > 20
    assert all(row.map50_95 < row.base_map50_95 == 0.8 for row in scan.layers)
    curves = spread.read_curves(record)
    assert curves.keys() == {row.layer for row in scan.layers}
    assert all(0 < curve[0.5] < 1 for curve in curves.values())


def test_each_mistake_is_recorded_beside_the_right_way(model, tmp_path, capsys):
    data, record = shapes.write(tmp_path / "data", train=2, val=2), tmp_path / "explain.json"
    arguments = ["--ratios", "0.3", "--epochs", "0", "--output", str(record)]
    explain_pruning.main([str(model), str(data), *arguments])
    study = records.read(record, ExplainRecord).value
    assert (study.model, study.split, study.images) == ("toy", "test", 8)
    assert [(row.variant, row.ratio, row.tuned) for row in study.rows] == [(v, 0.3, False) for v in explain.VARIANTS]
    right, wrong, table = (row.sparsity for row in study.rows)
    assert right == wrong == pytest.approx(0.3, abs=0.01)
    assert table < 0.01
    assert "with DFL 30% not tuned" in capsys.readouterr().out
