import json

import detectors
import pytest
import torch

import fine_prune
import reapply_prune
from pinch.core.errors import PinchError
from pinch.weights import checkpoints
from pinch.weights.pruning import fine, kinds
from pinch.weights.pruning import masks as mask_tools


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return detectors.write(tmp_path_factory.mktemp("fine") / "base.pt", width=0.125)


def prune(base, tmp_path, ratio=0.7, **options):
    options = options or {"scope": "layer"}
    fine.prune_file(base, tmp_path / "pruned.pt", kinds.fine_pruning(ratio, **options))
    return checkpoints.load(tmp_path / "pruned.pt")


def test_every_layer_has_the_ratio_and_dfl_is_left_alone(base, tmp_path):
    pruned = prune(base, tmp_path)
    for row in fine.layers(pruned):
        assert row["sparsity"] == pytest.approx(0.7, abs=0.5 / row["weights"] + 1e-9), row
    assert not any("dfl" in name for name in pruned.meta["masks"])
    assert pruned.model.model[-1].dfl.conv.weight.flatten().tolist() == list(range(16))
    assert pruned.meta["sparsity"] == pytest.approx(0.7, abs=0.001)


def test_the_smallest_weights_go(base, tmp_path):
    name = "model.1.conv.weight"
    before = checkpoints.load(base).model.get_parameter(name).flatten()
    after = prune(base, tmp_path).model.get_parameter(name).flatten()
    zero = after == 0
    assert before[zero].abs().max() <= before[~zero].abs().min()
    assert torch.equal(after[~zero], before[~zero])


@pytest.mark.parametrize(("scope", "ratio"), [("global", 0.2), ("lamp", 0.6)])
def test_other_scopes_reach_the_ratio_over_all_layers(base, tmp_path, scope, ratio):
    pruned = prune(base, tmp_path, ratio, scope=scope)
    sparsities = [row["sparsity"] for row in fine.layers(pruned)]
    assert max(sparsities) - min(sparsities) > 0.2
    assert pruned.meta["sparsity"] == pytest.approx(ratio, abs=0.001)


def test_lamp_scores():
    # Squares 1, 4, 9 from the smallest: 1/14, 4/13, 9/9.
    scores = mask_tools.lamp(torch.tensor([[3.0, -1.0, 2.0]]))
    torch.testing.assert_close(scores, torch.tensor([1.0, 1 / 14, 4 / 13]))


def test_two_of_four(base, tmp_path):
    pruned = prune(base, tmp_path, 0.5, pattern="2:4")
    masks = mask_tools.unpack(pruned.meta["masks"], pruned.model, "it")
    assert "model.0.conv.weight" not in masks
    for name, mask in masks.items():
        kept = mask.movedim(1, -1).unflatten(-1, (-1, 4)).sum(-1)
        assert (kept == 2).all(), name
    assert pruned.meta["sparsity"] == 0.5
    with pytest.raises(PinchError, match=r"give the ratio 0\.5"):
        prune(base, tmp_path, 0.4, pattern="2:4")


def test_a_scope_beside_a_pattern_is_refused_before_any_work(tmp_path):
    arguments = ["m", "--base-model", "absent.pt", "--prune-ratio", "0.5", "--project", str(tmp_path)]
    with pytest.raises(PinchError, match="--scope is for pruning without a pattern"):
        fine_prune.main([*arguments, "--pattern", "2:4", "--scope", "lamp"])


def test_masks_survive_packing(base):
    network = checkpoints.load(base).model
    masks = mask_tools.layer_masks(mask_tools.prunable(network), 0.37)
    packed = mask_tools.pack(masks)
    assert sum(bits.numel() for bits in packed.values()) < sum(m.numel() for m in masks.values()) / 7.5
    again = mask_tools.unpack(packed, network, "it")
    assert all(torch.equal(masks[name], again[name]) for name in masks)


def test_commands(base, tmp_path):
    record = tmp_path / "record.json"
    fine_prune.main(
        ["hand", "--base-model", str(base), "--prune-ratio", "0.3", "--project", str(tmp_path), "--record", str(record)]
    )
    pruned = tmp_path / "hand_fine_prune_30.pt"
    assert json.loads(record.read_text())["result"]["sparsity"] == pytest.approx(0.3, abs=0.001)
    # The base stands for a model that was tuned without masks.
    reapply_prune.main([str(pruned), str(base), str(tmp_path / "again.pt")])
    again = checkpoints.load(tmp_path / "again.pt")
    assert again.meta["tuned"]
    a, b = checkpoints.load(pruned).model, again.model
    assert all(torch.equal(x == 0, y == 0) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_a_ratio_that_empties_a_layer(base, tmp_path):
    with pytest.raises(PinchError, match="nothing of layer"):
        prune(base, tmp_path, 0.999)


def test_pruning_twice(base, tmp_path):
    pruned = prune(base, tmp_path)
    with pytest.raises(PinchError, match="already pruned"):
        fine.prune(pruned, kinds.LayerMagnitude(0.5))


def test_tuned_model_of_other_shapes(base, tmp_path):
    prune(base, tmp_path)
    other = detectors.write(tmp_path / "other.pt", width=0.25)
    with pytest.raises(PinchError, match="does not match the masks"):
        fine.reapply(tmp_path / "pruned.pt", other, tmp_path / "out.pt")
    with pytest.raises(PinchError, match="has no masks"):
        fine.reapply(base, other, tmp_path / "out.pt")
    assert not (tmp_path / "out.pt").exists()
