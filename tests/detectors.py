"""Small random detectors for tests of pruning and training."""

import copy

import torch
from ultralytics.nn.tasks import DetectionModel, yaml_model_load


def network(yaml="yolo11n.yaml", classes=3, width=None, seed=0):
    """A detector with random weights and, unlike a fresh one, batch norms that do something.

    `width` replaces the model's own width multiple (0.25 for n), for speed.
    """
    torch.manual_seed(seed)
    config = yaml_model_load(yaml)
    if width:
        config["scales"] = {config["scale"]: [0.33, width, 1024]}
    made = DetectionModel(config, nc=classes, verbose=False).eval()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    return made


def write(path, model=None, names=None, imgsz=64, **options):
    """Save a detector as Ultralytics does and return the path."""
    model = copy.deepcopy(model or network(**options))
    if names:
        model.names = dict(enumerate(names))
    torch.save({"model": model.half(), "train_args": {"imgsz": imgsz}}, path)
    return path
