import copy
import os
import subprocess
import sys

import detectors
import pytest
import shapes
import torch
from conftest import SCRIPTS
from ultralytics.nn.modules.block import AAttn

import coarse_prune
from pinch.core import records
from pinch.core.errors import PinchError
from pinch.core.record_types.weights import CoarseRecord, LayerWidth
from pinch.data import dataset
from pinch.weights import checkpoints
from pinch.weights.pruning import coarse, images, kinds, ranking, spread
from pinch.weights.pruning.cost import Convolution, Costs, channel_costs
from pinch.weights.pruning.graph import ChannelGraph
from pinch.weights.pruning.splitting import AttentionPruner, TwoHalves, WholeAttention, join, split

FAMILIES = ["yolo11n.yaml", "yolov8n.yaml", "yolo12n.yaml", "yolo26n.yaml"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return dataset.load(shapes.write(tmp_path_factory.mktemp("shapes"), train=24, val=8))


def picture(size=64):
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def predict(network):
    with torch.no_grad():
        return network.eval()(picture())[0]


def opened(tmp_path, **options):
    return checkpoints.load(detectors.write(tmp_path / "model.pt", **options))


@pytest.mark.parametrize("yaml", [*FAMILIES, "yolov9t.yaml", "yolov10n.yaml"])
def test_stand_ins_change_nothing(yaml):
    network = detectors.network(yaml)
    before = predict(network)
    stock = [type(m) for m in network.modules()]
    split(network)
    assert any(isinstance(m, TwoHalves) for m in network.modules())
    assert torch.equal(predict(network), before)
    join(network)
    assert [type(m) for m in network.modules()] == stock
    assert torch.equal(predict(network), before)


@pytest.mark.parametrize(("round_to", "macs_left"), [(8, 0.31), (16, 0.36)])
@pytest.mark.parametrize("yaml", FAMILIES)
def test_half_the_channels(yaml, round_to, macs_left, tmp_path):
    checkpoint = opened(tmp_path, yaml=yaml)
    before = checkpoints.describe(checkpoint.model, 320)
    meta = coarse.prune(checkpoint, kinds.ChannelRemoval(0.5, round_to=round_to))
    after = checkpoints.describe(checkpoint.model, 320)
    assert after.macs <= macs_left * before.macs
    assert after.parameters <= 0.32 * before.parameters
    assert meta["method"] == "coarse"
    checkpoints.save(tmp_path / "pruned.pt", checkpoint.model, meta, checkpoint)
    again = checkpoints.load(tmp_path / "pruned.pt")
    assert predict(again.model).shape == predict(checkpoint.model).shape
    for name, module in again.model.named_modules():
        if name.endswith("dfl.conv"):
            assert module.weight.flatten().tolist() == list(range(16))
    with pytest.raises(PinchError, match="already pruned"):
        coarse.prune(again, kinds.ChannelRemoval(0.5))


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.7, 0.9])
def test_any_ratio_gives_a_working_network_of_round_widths(ratio, tmp_path):
    checkpoint = opened(tmp_path)
    coarse.prune(checkpoint, kinds.ChannelRemoval(ratio))
    assert predict(checkpoint.model).isfinite().all()
    inner = [
        m.conv.out_channels
        for name, m in checkpoint.model.named_modules()
        if name.endswith("cv2") and hasattr(m, "conv")
    ]
    assert all(width % 8 == 0 for width in inner)


# Of YOLO12, large ones have residual attention blocks with a scale for each channel.
@pytest.mark.parametrize(
    "size", ["yolo11m", "yolov8s", "yolov8m", "yolo12s", "yolo12m", "yolo12l", "yolo26s", "yolo26m"]
)
def test_other_sizes(size, tmp_path):
    checkpoint = opened(tmp_path, yaml=f"{size}.yaml")
    before = checkpoints.describe(checkpoint.model, 64)
    coarse.prune(checkpoint, kinds.ChannelRemoval(0.3))
    after = checkpoints.describe(checkpoint.model, 64)
    assert after.macs < 0.6 * before.macs
    assert after.parameters < 0.7 * before.parameters  # the spread is limited in MACs only
    assert predict(checkpoint.model).isfinite().all()


@pytest.mark.parametrize("yaml", [*FAMILIES, "yolo12l.yaml"])
def test_removing_channels_equals_zeroing_them(yaml):
    """A channel that is zero wherever it is produced is worth nothing to whoever reads it: removal must agree."""
    network = detectors.network(yaml)
    removed, zeroed = ChannelGraph(copy.deepcopy(network)), ChannelGraph(copy.deepcopy(network))
    for index, unit in enumerate(zeroed.units):
        if unit.divisor > 1:  # inside attention other channels go as well
            continue
        channels = list(range(0, unit.width, 2))[: unit.width - 1]
        for group in unit.groups:
            _zero(zeroed, group, set(channels))
        for root in removed.units[index].roots:
            removed.prune(root, channels)
        assert unit.name == removed.units[index].name
    join(removed.network)
    expected, found = predict(zeroed.network), predict(removed.network)
    assert found.isfinite().all()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def _zero(graph, group, channels):
    for position, (dep, idxs) in enumerate(group):
        module = dep.target.module
        if not graph._graph.is_out_channel_pruning_fn(dep.handler) or not hasattr(module, "weight"):
            continue
        roots = group[position].root_idxs
        gone = [i for i, root in zip(idxs, roots, strict=True) if root in channels]
        if isinstance(module, torch.nn.BatchNorm2d) or len(module.weight) > max(gone):
            module.weight[gone] = 0
            if module.bias is not None:
                module.bias[gone] = 0


def test_attention_shrinks(tmp_path):
    checkpoint = opened(tmp_path)
    coarse.prune(checkpoint, kinds.ChannelRemoval(0.5))
    attention = checkpoint.model.model[10].m[0].attn
    assert (attention.num_heads, attention.head_dim, attention.key_dim) == (2, 32, 16)
    assert attention.qkv.conv.in_channels == 64
    assert attention.scale == 32**-0.5


def test_attention_keeps_its_best_queries_and_values():
    network = detectors.network()
    attention = network.model[10].m[0].attn
    with torch.no_grad():
        rows = attention.qkv.conv.weight.view(2, 128, -1)
        rows[:, 16:32] *= 1e-3  # queries
        rows[:, 64:96] *= 1e-3  # values
    graph = ChannelGraph(network)
    unit = next(u for u in graph.units if u.divisor == 2)
    expected = attention.qkv.conv.weight.view(2, 128, -1)[:, 96:].clone()
    for root in unit.roots:
        graph.prune(root, list(range(64)))
    whole = next(m for m in network.modules() if isinstance(m, WholeAttention)).hidden[0]
    assert torch.equal(whole.qkv.conv.weight.view(2, 64, -1)[:, 32:], expected[..., 64:])


def test_attention_to_parts_of_the_picture_keeps_its_scores():
    """YOLO12's: without what is zero, and with queries scaled for shorter keys, it computes the same."""
    torch.manual_seed(0)
    attention = AAttn(64, 2, area=4).eval()
    with torch.no_grad():
        per_head = attention.qkv.conv.weight.view(2, 3, 32, 64)
        per_head[:, :, 16:] *= 1e-6  # the second half of queries, keys and values
        attention.proj.conv.weight[32:] = 0
    x = torch.rand(1, 64, 8, 8)
    x[:, 32:] = 0
    before = attention(x)
    whole = WholeAttention(attention)
    AttentionPruner().prune_out_channels(whole, list(range(32, 64)))
    assert (attention.head_dim, attention.all_head_dim, attention.num_heads) == (16, 32, 2)
    torch.testing.assert_close(attention(x[:, :32]), before[:, :32], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", kinds.RANKINGS)
def test_rankings_find_a_worthless_channel(name, data):
    network = detectors.network(width=0.125)
    with torch.no_grad():
        for worthless in (3, 5):
            network.model[1].conv.weight[worthless] = 0
            network.model[1].bn.weight[worthless] = 0
            network.model[2].cv1.conv.weight[:, worthless] = 0
    graph = ChannelGraph(network)
    scores = ranking.rank(graph, kinds.RANKINGS[name](), images.batches(data, 64, 16))
    chosen = scores["model.1.conv"][0].argsort()[:2].tolist()
    assert set(chosen) == {3, 5}
    assert not network.training
    assert all(p.grad is None for p in network.parameters())


def units(*widths):
    from pinch.weights.pruning.graph import Unit

    return [Unit(f"layer{i}", [], [], width, 1) for i, width in enumerate(widths)]


def test_uniform_spread_rounds():
    assert spread.uniform(units(64, 40, 8), 0.5, 8) == {"layer0": 32, "layer1": 16, "layer2": 8}
    assert spread.uniform(units(20), 0.1, 8) == {"layer0": 16}


def two_layers(*macs):
    """Two units that each feed the detections through one convolution."""
    both = units(64, 64)
    return both, Costs(both, [Convolution(each, unit.name, {}) for each, unit in zip(macs, both, strict=True)])


def test_global_spread_takes_more_where_channels_are_unequal():
    flat, peaked = torch.ones(64), torch.cat([torch.full((48,), 0.1), torch.full((16,), 3.7)])
    both, equal = two_layers(1.0, 1.0)
    widths = spread.globally(both, 0.3125, 8, {"layer0": [flat], "layer1": [peaked]}, equal, 1.1)
    assert widths["layer0"] == 64
    assert widths["layer1"] == 24


def test_global_spread_pays_for_scores_with_multiply_accumulates():
    both, unequal = two_layers(9.0, 1.0)
    dear, cheap = torch.linspace(1, 2, 64), torch.linspace(0, 1, 64)
    by_score = spread.globally(both, 0.5, 8, {"layer0": [dear], "layer1": [cheap]}, unequal, 9.0)
    limited = spread.globally(both, 0.5, 8, {"layer0": [dear], "layer1": [cheap]}, unequal, 1.1)
    assert by_score == {"layer0": 48, "layer1": 16}
    assert sum(limited.values()) == 64
    assert unequal.macs(limited) <= 0.55 < unequal.macs(by_score)
    with pytest.raises(PinchError, match="raise macs_limit"):
        spread.globally(both, 0.5, 8, {"layer0": [dear], "layer1": [cheap]}, unequal, 0.3)


@pytest.mark.parametrize(("width", "least"), [(64, 16), (48, 8)])
def test_global_spread_leaves_sixteen_channels_where_uniform_leaves_more(width, least):
    layers = units(width, 256)
    cheap = Costs(layers, [Convolution(1.0, unit.name, {}) for unit in layers])
    scores = {"layer0": [torch.full((width,), 0.01)], "layer1": [torch.linspace(1, 2, 256)]}
    widths = spread.globally(layers, 0.7, 8, scores, cheap, 9.0)
    assert widths["layer0"] == least
    assert sum(widths.values()) == pytest.approx(0.3 * (width + 256), abs=8)


@pytest.mark.parametrize(("ratio", "share"), [(0.3, 0.49), (0.5, 0.3), (0.75, 0.15)])
def test_usual_macs_fall_with_the_square_of_channels_and_then_in_proportion(ratio, share):
    layers = units(200, 200)
    inner = Costs(layers, [Convolution(1.0, "layer1", {"layer0": 1.0})])
    assert spread.usual_macs(layers, ratio, 1, inner) == pytest.approx(share)


@pytest.mark.parametrize("yaml", FAMILIES)
def test_global_spread_of_a_detector_keeps_to_its_limit(yaml):
    network = detectors.network(yaml)
    whole = checkpoints.describe(network, 320).macs
    graph = ChannelGraph(network)
    by_norm = kinds.FilterNorm(1)
    cost, scores = channel_costs(graph), ranking.comparable(ranking.rank(graph, by_norm), by_norm)
    expected = {False: cost.macs(spread.uniform(graph.units, 0.5, 8))}
    join(network)
    for globally in (False, True):
        pruned = ChannelGraph(copy.deepcopy(network))
        widths = spread.uniform(graph.units, 0.5, 8)
        if globally:
            widths = spread.globally(graph.units, 0.5, 8, scores, cost, 1.1)
            expected[True] = cost.macs(widths)
        coarse.narrow(pruned, widths, scores)
        join(pruned.network)
        left = checkpoints.describe(pruned.network, 320).macs / whole
        assert left == pytest.approx(expected[globally], rel=0.05)
    assert expected[True] <= 1.1 * expected[False]


def test_scores_by_norm_are_compared_relative_to_their_layer():
    scores = {"a": [torch.tensor([1.0, 3.0])], "b": [torch.tensor([10.0, 30.0])]}
    relative = ranking.comparable(scores, kinds.FilterNorm())
    assert torch.equal(relative["a"][0], relative["b"][0])
    assert ranking.comparable(scores, kinds.Taylor()) is scores


def test_sensitivity_spread_spares_what_hurts():
    curves = {"layer0": {0.3: 0.5, 0.7: 0.9}, "layer1": {0.3: 0.0, 0.7: 0.1}}
    widths = spread.by_sensitivity(units(80, 80), 0.5, 8, curves)
    assert sum(widths.values()) == pytest.approx(80, abs=8)
    assert widths["layer0"] > widths["layer1"] >= 80 * 0.5 * spread.FLOOR
    with pytest.raises(PinchError, match="lacks layer1"):
        spread.by_sensitivity(units(64, 64), 0.5, 8, {"layer0": curves["layer0"]})


def test_recalibration_gives_the_means_of_the_training_pictures(data):
    network = detectors.network(width=0.125)
    coarse.recalibrate(network, data, 64, count=16)
    assert all(m.momentum == 0.03 for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    batch = next(images.batches(data, 64, 16))
    with torch.no_grad():
        expected = network.model[0].conv(batch["img"]).mean((0, 2, 3))
    torch.testing.assert_close(network.model[0].bn.running_mean, expected, rtol=1e-3, atol=1e-4)
    assert not network.training


@pytest.mark.parametrize(("name", "stock"), [("hardswish", torch.nn.Hardswish), ("relu", torch.nn.ReLU)])
def test_a_cheaper_activation_takes_every_place_of_silu(name, stock, tmp_path, data):
    checkpoint = opened(tmp_path)
    places = sum(isinstance(getattr(m, "act", None), torch.nn.SiLU) for m in checkpoint.model.modules())
    meta = coarse.prune(checkpoint, kinds.ChannelRemoval(0.5, activation=name), data)
    assert meta["settings"]["activation"] == name
    assert not any(isinstance(m, torch.nn.SiLU) for m in checkpoint.model.modules())
    assert sum(isinstance(getattr(m, "act", None), stock) for m in checkpoint.model.modules()) == places
    # Batch-norm statistics must be those of the new activation.
    norm, mean = checkpoint.model.model[1].bn, checkpoint.model.model[1].bn.running_mean.clone()
    coarse.recalibrate(checkpoint.model, data, checkpoint.imgsz)
    torch.testing.assert_close(norm.running_mean, mean)


def test_mask_mode_zeroes_and_keeps(tmp_path):
    checkpoint = opened(tmp_path)
    before = checkpoints.describe(checkpoint.model, 64)
    meta = coarse.prune(checkpoint, kinds.ChannelMasking(0.5))
    after = checkpoints.describe(checkpoint.model, 64)
    assert after.parameters == before.parameters
    assert meta["sparsity"] == pytest.approx(0.5, abs=0.01)
    assert not any("dfl" in name or (name.endswith("2.weight") and "model.23" in name) for name in meta["masks"])


def test_command(tmp_path, data, capsys):
    base = detectors.write(tmp_path / "hand.pt", names=shapes.NAMES)
    record = tmp_path / "record.json"
    arguments = ["--model", str(base), "--sparsity", "0.5", "--output", str(tmp_path / "out"), "--record", str(record)]
    coarse_prune.main(arguments)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["hand_coarse_prune_50.pt"]
    assert "batch-norm statistics are not recalibrated" in capsys.readouterr().out
    result = records.read(record, CoarseRecord).value
    assert result.after.macs < 0.31 * result.before.macs
    widths = [LayerWidth(layer="model.0.conv", width=16, kept=16), LayerWidth(layer="model.1.conv", width=32, kept=16)]
    assert result.layers[:2] == widths, "widths are multiples of 16"
    coarse_prune.main([*arguments, "--dataset", str(data.path)])
    assert "batch-norm" not in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["silu", "hardswish"])
def test_fine_tuned_model_works_in_a_plain_ultralytics(activation, tmp_path, data):
    base = detectors.write(tmp_path / "hand.pt", names=shapes.NAMES)
    arguments = ["--model", str(base), "--sparsity", "0.5", "--output", str(tmp_path / "out")]
    options = ["--activation", activation, "--fine-tune", "--epochs", "1"]
    coarse_prune.main([*arguments, "--dataset", str(data.path), *options])
    tuned = tmp_path / "out" / "hand_coarse_prune_50_tuned.pt"
    assert list((tmp_path / "out").iterdir()) == [tuned]
    code = """
import sys
from ultralytics import YOLO
model = YOLO(sys.argv[1])
model.predict(sys.argv[3], imgsz=64, verbose=False)
model.val(data=sys.argv[2], imgsz=64, plots=False, verbose=False, device="cpu")
assert YOLO(sys.argv[1]).export(format="onnx", imgsz=64, opset=17).endswith(".onnx")
assert "pinch" not in sys.modules
"""
    absolute = tmp_path / "data.yaml"
    absolute.write_text(data.path.read_text().replace("path: .", f"path: {data.root}"))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"YOLO_AUTOINSTALL": "false"}
    command = [sys.executable, "-I", "-c", code, str(tuned), str(absolute), str(data.images("val")[0])]
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 0.97}, "empty"),
        ({"ratio": 0.97, "mode": "mask"}, "nothing of layer"),
        ({"ratio": 0.5, "mode": "mask", "activation": "relu"}, "leave out --activation"),
        ({"ratio": 0.5, "ranking": "taylor"}, "--dataset"),
        ({"ratio": 0.5, "spread": "sensitivity"}, "layer scan"),
    ],
)
def test_bad_requests(options, message, tmp_path):
    with pytest.raises(PinchError, match=message):
        coarse.prune(opened(tmp_path), kinds.coarse_pruning(**options))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--mode mask --macs-limit 1.3", "--macs-limit is for the spread global, not for the mode mask"),
        ("--mode mask --ranking ln", "--ranking is for the mode remove, not for the mode mask"),
        ("--mode mask --round-to 4", "--round-to is for the mode remove, not for the mode mask"),
        ("--spread uniform --macs-limit 1.3", "not for the ranking group_norm with the spread uniform"),
        (
            "--ranking bn_scale --norm 1",
            "--norm is for the mode mask and the rankings ln and group_norm, not",
        ),
        ("--sensitivity scan.json", "--sensitivity is for the spread sensitivity, not"),
        ("--spread sensitivity", "needs the record of a layer scan: give it with --sensitivity"),
    ],
)
def test_options_of_another_kind_are_refused_before_any_work(options, sentence):
    with pytest.raises(PinchError) as error:
        coarse_prune.main(["--model", "absent.pt", "--sparsity", "0.5", "--output", ".", *options.split()])
    assert sentence in str(error.value)


def test_settings_hold_what_the_kind_knows(tmp_path):
    common = {"round_to": 16, "activation": None, "mode": "remove", "seed": 3}
    by_norm = kinds.ChannelRemoval(0.5, kinds.FilterNorm(1), kinds.Global(1.3), seed=3)
    assert by_norm.settings() == {"ranking": "ln", "norm": 1, "spread": "global", "macs_limit": 1.3} | common
    by_loss = kinds.ChannelRemoval(0.5, kinds.Taylor(), kinds.Sensitivity(tmp_path), seed=3)
    assert by_loss.settings() == {"ranking": "taylor", "spread": "sensitivity"} | common
    assert kinds.ChannelMasking(0.5, 1).settings() == {"norm": 1, "mode": "mask"}
    assert kinds.Lamp(0.5).settings() == {"scope": "lamp", "pattern": None}
    assert kinds.TwoOfFour().settings() == {"pattern": "2:4"}


def test_kinds_need_no_torch(tmp_path):
    code = "import sys; from pinch.weights.pruning import activations, kinds; "
    code += "assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(SCRIPTS)})
