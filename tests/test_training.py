import dataclasses
import os
import shutil
import subprocess
import sys
import time

import detectors
import pytest
import shapes
import torch
import yaml
from ultralytics.nn.tasks import DetectionModel

import train as command
from pinch.core import ownership, records
from pinch.core.errors import PinchError
from pinch.core.record_types.weights import TrainingRecord
from pinch.run.identity import Model
from pinch.weights import checkpoints
from pinch.weights.pruning import coarse, fine, kinds
from pinch.weights.pruning import masks as mask_tools
from pinch.weights.training import devices, mixed_precision, recipes, results, runs
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request
from pinch.weights.training.trainer import Trainer, bare

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("shapes"), train=32, val=8)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A base (narrow, random) and what pruning makes of it."""
    folder = tmp_path_factory.mktemp("models")
    base = detectors.write(folder / "base.pt", width=0.125, names=shapes.NAMES)
    fine.prune_file(base, folder / "fine.pt", kinds.LayerMagnitude(0.7))
    coarse.prune_file(base, folder / "coarse.pt", kinds.ChannelRemoval(0.5, round_to=4))
    coarse.prune_file(base, folder / "masked.pt", kinds.ChannelMasking(0.5))
    return folder


@pytest.fixture
def request_of(data, models, tmp_path):
    def make(name, base, **options):
        options = {"epochs": 1, "batch": 8, **options}
        return Request(name, data, tmp_path / "models", models / base, pruned=base != "base.pt", **options)

    return make


def zeros(path, masks):
    network = checkpoints.load(path).model
    return mask_tools.sparsity(network, masks), [
        name for name, mask in masks.items() if network.get_parameter(name)[~mask].any()
    ]


def masks_of(path):
    checkpoint = checkpoints.load(path)
    return mask_tools.unpack(checkpoint.meta["masks"], checkpoint.model, str(path))


@pytest.mark.parametrize("options", [{}, {"optimizer": "SGD", "nbs": 32}, {"optimizer": "MuSGD"}])
def test_masks_hold_everywhere(request_of, models, options):
    request = request_of("tuned", "fine.pt", epochs=2, options=options)
    result = train(request)
    masks = masks_of(models / "fine.pt")
    assert result.sparsity == pytest.approx(0.7, abs=0.001)
    for path in (request.checkpoint, *(request.run_folder / "weights").glob("*.pt")):
        sparsity, broken = zeros(path, masks)
        assert not broken
        assert sparsity == pytest.approx(0.7, abs=0.001)
    before, after = (checkpoints.load(p).model for p in (models / "fine.pt", request.checkpoint))
    assert not torch.equal(before.model[1].conv.weight, after.model[1].conv.weight)
    meta = checkpoints.load(request.checkpoint).meta
    assert meta["tuned"]
    assert meta["masks"].keys() == masks.keys()


def test_masks_hold_after_every_step_and_in_the_average(request_of, models, monkeypatch):
    masks, steps = masks_of(models / "fine.pt"), []
    step = Trainer.optimizer_step

    def watched(self):
        step(self)
        for model in (self.model, self.ema.ema):
            assert not any(bare(model).get_parameter(name)[~mask].any() for name, mask in masks.items())
        steps.append(1)

    monkeypatch.setattr(Trainer, "optimizer_step", watched)
    train(request_of("tuned", "fine.pt"))
    assert len(steps) == 4


def test_masks_hold_under_mixed_precision(request_of, models, monkeypatch):
    """Ultralytics has mixed precision on accelerators only: here torch's for the CPU, with a loss scale too high."""
    scalers = []
    setup = Trainer._setup_train

    def scaled(self):
        setup(self)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=2)
        scalers.append(self.scaler)

    monkeypatch.setattr(Trainer, "_setup_train", scaled)
    monkeypatch.setattr("ultralytics.engine.trainer.autocast", lambda *_, **__: torch.autocast("cpu", torch.bfloat16))
    request = request_of("tuned", "fine.pt", epochs=2)
    train(request)
    assert scalers[0].get_scale() < 2.0**127
    assert not zeros(request.checkpoint, masks_of(models / "fine.pt"))[1]


@pytest.mark.parametrize("base", ["coarse.pt", "masked.pt"])
def test_coarse_models_keep_their_structure(request_of, models, base):
    request = request_of("tuned", base)
    result = train(request)
    before, after = (checkpoints.load(p) for p in (models / base, request.checkpoint))
    shapes_of = [[tuple(p.shape) for p in c.model.parameters()] for c in (before, after)]
    assert shapes_of[0] == shapes_of[1]
    assert result.parameters == sum(p.numel() for p in before.model.parameters())
    assert after.meta["method"] == "coarse"
    assert after.meta["tuned"]
    assert "pinch" not in after.model.__dict__


@pytest.mark.fault
def test_lost_masks_are_noticed(request_of, monkeypatch):
    setup = Trainer._setup_train

    def forgetting(self):
        setup(self)
        self.masks = {}

    monkeypatch.setattr(Trainer, "_setup_train", forgetting)
    with pytest.raises(PinchError, match="requested"):
        train(request_of("tuned", "fine.pt", options={"lr0": 0.01}))


@pytest.mark.fault
def test_a_rebuilt_network_is_noticed(request_of, monkeypatch):
    stock = DetectionModel(detectors.network(width=0.125).yaml, nc=3, verbose=False)
    monkeypatch.setattr(Trainer, "get_model", lambda self, cfg=None, weights=None, verbose=True: stock)
    with pytest.raises(PinchError, match="structure"):
        train(request_of("tuned", "coarse.pt"))


def test_gradual_schedule_ends_at_the_ratio(request_of, models, monkeypatch):
    seen = []
    rise = Trainer._raise_sparsity

    def watched(self):
        rise(self)
        mask_tools.apply(bare(self.model), self.masks)
        seen.append(mask_tools.sparsity(bare(self.model), self.masks))

    monkeypatch.setattr(Trainer, "_raise_sparsity", watched)
    monkeypatch.setattr("pinch.weights.training.trainer.RAMP_STEPS", 1)
    request = request_of("tuned", "fine.pt", epochs=3, dense=models / "base.pt")
    result = train(request)
    assert seen[0] < 0.5
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(0.7, abs=0.001)
    assert result.sparsity == pytest.approx(0.7, abs=0.001)
    assert result.best_epoch > recipes.RAMP * 3 - 1
    assert not zeros(request.checkpoint, masks_of(request.checkpoint))[1]


def test_the_rate_rises_with_the_channels_removed(request_of, models):
    rates = [recipes.after_coarse(ratio)["lr0"] for ratio in (0.3, 0.5, 0.7, 0.9)]
    assert rates == sorted(rates)
    assert rates[0] > recipes.FINE_TUNING["lr0"]
    assert rates[1] == pytest.approx(2 * recipes.FINE_TUNING["lr0"])
    request = request_of("tuned", "coarse.pt")
    train(request)
    used = yaml.safe_load((request.run_folder / "args.yaml").read_text())
    assert used["lr0"] == pytest.approx(rates[1])
    assert used["close_mosaic"] == recipes.close_mosaic(request.epochs, coarse=True)


@pytest.mark.parametrize("method", ["coarse", "fine"])
def test_the_twin_of_a_base_is_tuned_as_pruned_models_are(request_of, method):
    request = request_of("base_tuned", "base.pt", epochs=3, as_after=method)
    result = train(request)
    used = yaml.safe_load((request.run_folder / "args.yaml").read_text())
    assert {key: used[key] for key in recipes.FINE_TUNING} == recipes.FINE_TUNING
    assert used["nbs"] == 8
    assert used["close_mosaic"] == recipes.close_mosaic(3, coarse=method == "coarse")
    checkpoint = checkpoints.load(request.checkpoint)
    assert Model.of_checkpoint(checkpoint.path, checkpoint.meta) == Model("base", tuned=True)
    assert not checkpoints.is_pruned(checkpoint)
    assert (result.base_model, result.epochs_run) == ("base.pt", 3)


def test_mosaics_end_sooner_after_coarse_pruning():
    assert [recipes.close_mosaic(epochs) for epochs in (1, 9, 90)] == [1, 3, 10]
    assert [recipes.close_mosaic(epochs, coarse=True) for epochs in (1, 9, 90)] == [1, 6, 60]


def test_a_teacher_counts_less_from_epoch_to_epoch():
    shares = [recipes.teacher_share(epoch, 10) for epoch in range(10)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[7:]) == (1, [0, 0, 0])
    assert recipes.teacher_share(0, 1) == 1


def test_distillation_fades_and_leaves_a_stock_student(request_of, models):
    request = request_of("tuned", "coarse.pt", teacher=models / "base.pt", epochs=4)
    result = train(request)
    assert result.teacher == "base.pt"
    first, *_, last = (epoch.train_dis_loss for epoch in result.curve)
    assert first > 0 == last
    assert type(checkpoints.load(request.checkpoint).model) is DetectionModel


def interrupted_train(request, monkeypatch, after_epoch):
    save = Trainer.save_model

    def stopping(self):
        save(self)
        if self.epoch == after_epoch:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "save_model", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(request)


@pytest.mark.fault
@pytest.mark.parametrize(("gradual", "staged"), [(False, False), (True, False), (False, True)])
def test_resuming_goes_on_and_ends_like_an_unbroken_run(
    request_of, models, monkeypatch, capsys, tmp_path, gradual, staged
):
    options = {"dense": models / "base.pt"} if gradual else {}
    unbroken = train(request_of("unbroken", "fine.pt", epochs=3, **options))
    capsys.readouterr()
    disk = tmp_path / "disk"
    disk.mkdir()
    request = request_of("tuned", "fine.pt", epochs=3, resume=True, stage_to=disk if staged else None, **options)
    interrupted_train(request, monkeypatch, 1)
    assert not request.checkpoint.exists()
    assert not list(request.project.glob(".*"))
    result = train(request)
    printed = capsys.readouterr().out
    assert printed.count("epoch 1/3") == printed.count("epoch 3/3") == 1
    assert result.epochs_run == 3
    assert not zeros(request.checkpoint, masks_of(request.checkpoint))[1]
    assert result.sparsity == pytest.approx(0.7, abs=0.001)
    for found, expected in zip(result.curve, unbroken.curve, strict=True):
        measured = {key: value for key, value in vars(expected).items() if value is not None}
        assert {key: getattr(found, key) for key in measured} == pytest.approx(measured, rel=1e-4, abs=1e-4)
        assert {key for key, value in vars(found).items() if value is not None} == measured.keys()
    assert not list(request.run_folder.glob("weights/state*"))
    assert not list(disk.iterdir())


def test_resuming_another_request_starts_anew(request_of, monkeypatch, capsys):
    first = request_of("tuned", "fine.pt", epochs=2, resume=True)
    interrupted_train(first, monkeypatch, 0)
    second = request_of("tuned", "fine.pt", epochs=1, resume=True)
    train(second)
    assert "training starts from the beginning" in capsys.readouterr().out


def test_resuming_what_was_finished_only_writes_the_checkpoint(request_of, capsys):
    request = request_of("tuned", "coarse.pt", resume=True)
    train(request)
    request.checkpoint.unlink()
    capsys.readouterr()
    train(request)
    assert request.checkpoint.exists()
    assert "epoch" not in capsys.readouterr().out


@pytest.fixture(scope="module")
def trained(models, tmp_path_factory):
    """The folder of a finished training on a data set of its own."""
    folder = tmp_path_factory.mktemp("trained")
    data = shapes.write(folder / "own", train=16, val=4)
    train(Request("tuned", data, folder / "models", models / "base.pt", epochs=1, batch=8))
    return folder


@pytest.fixture
def finished(trained, models, tmp_path):
    """The request of a finished training, in a copy of its folder that may be changed."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    data = tmp_path / "own/data.yaml"
    return Request("tuned", data, tmp_path / "models", models / "base.pt", resume=True, epochs=1, batch=8)


def change_label(request):
    path = next((request.data.parent / "labels/train").glob("*.txt"))
    path.write_text(path.read_text().replace("0.", "0.1", 1))


def change_order_of_classes(request):
    text = request.data.read_text()
    request.data.write_text(
        text.replace("0: disc", "0: x").replace("1: square", "1: disc").replace("0: x", "0: square")
    )


def change_size_of_a_picture(request):
    path = next((request.data.parent / "images/val").glob("*.png"))
    path.write_bytes(path.read_bytes() + b"more")


def rename_a_picture(request):
    for kind, ending in (("images", "png"), ("labels", "txt")):
        path = request.data.parent / kind / f"train/0000.{ending}"
        path.rename(path.with_stem("other"))


@pytest.mark.fault
@pytest.mark.parametrize(
    "change", [change_label, change_order_of_classes, change_size_of_a_picture, rename_a_picture, "patience", "recipe"]
)
def test_a_finished_model_is_not_handed_out_for_another_request(finished, monkeypatch, capsys, change):
    if change == "patience":
        finished = dataclasses.replace(finished, patience=3)
    elif change == "recipe":
        monkeypatch.setattr(recipes, "FINE_TUNING", recipes.FINE_TUNING | {"lr0": 0.0007})
    else:
        change(finished)
    capsys.readouterr()
    assert not train(finished).taken_over
    printed = capsys.readouterr().out
    assert "is of another request" in printed
    assert "epoch 1/1" in printed


@pytest.mark.parametrize("how", ["fresh", "moved", "other packages"])
def test_a_finished_model_stands_for_its_own_request(finished, monkeypatch, capsys, tmp_path, how):
    if how == "fresh":
        finished = dataclasses.replace(finished, resume=False)
    elif how == "moved":
        (tmp_path / "own").rename(tmp_path / "moved")
        finished = dataclasses.replace(finished, data=tmp_path / "moved/data.yaml")
    else:
        monkeypatch.setattr(runs, "__version__", "0.0.0")
    capsys.readouterr()
    record = train(finished)
    assert record.taken_over == (how != "fresh")
    assert record.versions["pinch"] == "1.0.0", "of the packages that trained it"
    assert record.seconds > 0
    assert ("epoch 1/1" in capsys.readouterr().out) == (how == "fresh")


@pytest.mark.fault
def test_other_packages_end_an_unfinished_run(request_of, monkeypatch, capsys):
    request = request_of("tuned", "fine.pt", epochs=2, resume=True)
    interrupted_train(request, monkeypatch, 0)
    monkeypatch.setattr(runs, "__version__", "0.0.0")
    train(request)
    printed = capsys.readouterr().out
    assert "made with other packages (pinch 1.0.0 then, 0.0.0 now): training starts from the beginning" in printed
    assert printed.count("epoch 1/2") == 2


@pytest.mark.fault
def test_run_folders_of_earlier_versions_are_known_and_those_of_others_left_alone(finished, capsys, tmp_path):
    (finished.run_folder / ownership.MARK).unlink()
    assert train(finished).taken_over
    arguments = finished.run_folder / "args.yaml"
    (finished.run_folder / ownership.MARK).unlink()
    arguments.write_text(
        yaml.safe_dump(yaml.safe_load(arguments.read_text()) | {"model": "yolo11n.pt", "data": "d.yaml"})
    )
    with pytest.raises(PinchError, match="did not make for this"):
        train(finished)
    assert arguments.exists()


@pytest.mark.parametrize("key", ["name", "project", "epochs", "model"])
def test_settings_cannot_point_a_training_elsewhere(request_of, key):
    with pytest.raises(PinchError, match=f"the training setting {key} follows from other arguments"):
        train(request_of("tuned", "base.pt", options={key: "victim"}))


def test_a_name_with_folders_is_refused(request_of):
    with pytest.raises(PinchError, match="is not a model's name"):
        train(request_of("a/b", "base.pt"))


def test_training_from_scratch_by_the_command(data, tmp_path):
    record = tmp_path / "record.json"
    arguments = ["--project", str(tmp_path / "models"), "--base-model", "yolo11n.yaml", "--record", str(record)]
    arguments += ["--epochs", "1", "--imgsz", "64", "--set", "mosaic=0.5"]
    command.main(["hand", "--dataset", str(data), *arguments])
    checkpoint = checkpoints.load(tmp_path / "models" / "hand.pt")
    assert checkpoint.names == shapes.NAMES
    assert checkpoint.imgsz == 64
    assert checkpoint.train_args["mosaic"] == 0.5
    assert checkpoint.train_args["data"] == str(data)
    assert not any(str(tmp_path / "models") in str(value) for value in checkpoint.train_args.values())
    result = records.read(record, TrainingRecord).value
    assert result.epochs_run == result.best_epoch == len(result.curve) == 1


def test_tuned_checkpoint_opens_without_this_project(request_of, tmp_path):
    request = request_of("tuned", "fine.pt")
    train(request)
    code = "import sys; from ultralytics import YOLO; YOLO(sys.argv[1]); assert 'pinch' not in sys.modules"
    subprocess.run([sys.executable, "-I", "-c", code, str(request.checkpoint)], check=True, cwd=tmp_path)


@pytest.mark.parametrize("base", ["fine.pt", "coarse.pt"])
def test_two_processes(base, data, models, tmp_path):
    """DistributedDataParallel over gloo on the CPU; on GPUs Ultralytics starts the same processes itself."""
    if base == "fine.pt":
        masks = masks_of(models / base)
    script = tmp_path / "ddp.py"
    script.write_text(DDP)
    arguments = [str(models / base), str(data), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(_free_port())]
    subprocess.run([*run, str(script), *arguments], check=True, env=environment, timeout=300)
    best = tmp_path / "ddp" / "weights" / "best.pt"
    before, after = checkpoints.load(models / base).model, checkpoints.load(best).model
    assert [p.shape for p in before.parameters()] == [p.shape for p in after.parameters()]
    if base == "fine.pt":
        assert not zeros(best, masks)[1]
    found = results.averaged(tmp_path / "ddp")
    assert found["averaged_epochs"] == 2
    last = checkpoints.load(tmp_path / "ddp" / "weights" / "last.pt").model
    assert not torch.equal(after.model[1].bn.running_mean, last.model[1].bn.running_mean), "the average is no epoch's"


def _free_port():
    from ultralytics.utils.dist import find_free_network_port

    return find_free_network_port()


DDP = """
import sys
from functools import partial
import torch
from torch import distributed, nn
from pinch.weights import checkpoints
from pinch.data import check, dataset, for_ultralytics
from pinch.weights.pruning import masks
from pinch.weights.training import averaging
from pinch.weights.training.trainer import Trainer, bare

better = averaging.better

def than_nothing(trainer, validate):
    trainer.best_fitness = -1.0
    found = better(trainer, validate)
    assert (found is None) == (distributed.get_rank() > 0)
    return found

averaging.better = than_nothing

class OnTwoCpus(Trainer):
    # Ultralytics knows only accelerators here.
    def _setup_ddp(self):
        distributed.init_process_group("gloo")

base, data, folder = sys.argv[1:]
parallel = nn.parallel.DistributedDataParallel
nn.parallel.DistributedDataParallel = lambda model, device_ids, **options: parallel(model, **options)
data = dataset.load(data)
written = for_ultralytics.ultralytics_yaml(data, check.current(data, check.TRAINED_ON), check.TRAINED_ON, folder)
settings = {"model": base, "data": str(written), "project": folder}
settings |= {"name": "ddp", "epochs": 2, "batch": 8, "imgsz": 64, "device": "cpu", "plots": False, "exist_ok": True}
trainer = OnTwoCpus(overrides=settings)
trainer.world_size = 2
trainer.add_callback("on_train_start", partial(averaging.ask_for, count=2))
trainer.train()
assert distributed.get_world_size() == 2
assert isinstance(trainer.model, parallel)
packed = checkpoints.load(base).meta.get("masks", {})
for name, mask in masks.unpack(packed, bare(trainer.model), base).items():
    weight = bare(trainer.model).get_parameter(name)
    assert not weight[~mask].any()
    other = weight.detach().clone()
    distributed.broadcast(other, 0)
    assert torch.equal(other, weight)
distributed.destroy_process_group()
"""


@pytest.mark.fault
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": "absent.pt"}, "absent.pt does not exist"),
        ({"base": "yolo11n.pt"}, "download"),
        ({"base": "bad.pt"}, "cannot be read"),
        ({"base": "fine.pt", "pruned": False}, "add --pruned-model"),
        ({"base": "base.pt", "pruned": True}, "leave out --pruned-model"),
        ({"base": "coarse.pt", "pruned": True, "dense": "base.pt"}, "--gradual-from needs --steps, at least 2"),
        ({"base": "coarse.pt", "pruned": True, "as_after": "coarse"}, "leave out one of --as-after and --pruned-model"),
        ({"base": "yolo11n.yaml", "as_after": "fine"}, "does not know the classes of .*leave that out"),
        ({"base": "base.pt", "device": "tpu"}, "not a device"),
        ({"base": "nonsense.yaml"}, "cannot build a plain detector from nonsense.yaml"),
        ({"base": "base.pt", "options": {"no_such": 1}}, "no_such"),
    ],
)
def test_bad_requests_fail_before_training(options, message, data, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (models / "bad.pt").write_bytes(b"bad")
    options["base"] = models / options["base"] if (models / options["base"]).exists() else options["base"]
    if "dense" in options:
        options["dense"] = models / options["dense"]
    started = time.monotonic()
    with pytest.raises(PinchError, match=message) as error:
        train(Request("tuned", data, tmp_path / "models", **options))
    assert "\n" not in str(error.value)
    assert time.monotonic() - started < 20
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").iterdir())


@pytest.mark.fault
def test_other_classes(data, tmp_path):
    """A trained model moves to other classes as Ultralytics does it; a pruned one cannot."""
    base = detectors.write(tmp_path / "five.pt", width=0.125, classes=5)
    request = Request("three", data, tmp_path / "models", base, epochs=1, batch=8)
    train(request)
    assert checkpoints.load(request.checkpoint).model.model[-1].nc == 3
    coarse.prune_file(base, tmp_path / "pruned.pt", kinds.ChannelRemoval(0.5, round_to=4))
    with pytest.raises(PinchError, match="pruned for 5 classes"):
        train(Request("three", data, tmp_path / "models", tmp_path / "pruned.pt", pruned=True))


@pytest.mark.fault
@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_never_on_the_cpu_when_a_gpu_is_asked_for():
    with pytest.raises(PinchError, match=r"driver|GPU|CUDA"):
        devices.ultralytics_device("gpu")


def test_mixed_precision_is_judged_on_the_network_itself():
    network = detectors.network(width=0.125)
    assert mixed_precision.relative_error(network, torch.float16) < 0.02
    network.model[0].bn.weight.data *= 1e6  # beyond what half precision can hold
    assert mixed_precision.relative_error(network, torch.float16) == float("inf")
    assert not network.training
    assert not mixed_precision.works(network), "on a processor everything is computed in float32"
