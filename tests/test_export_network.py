"""The rewritten network computes what Ultralytics' own computes."""

import detectors
import pytest
import torch

from pinch.artifacts.head import map_names
from pinch.artifacts.network import LateUpsample, exportable

IMGSZ = 64
ANCHORS = 84  # 8x8 + 4x4 + 2x2
# The network, and whether it suppresses by itself, which YOLO26 does where its checkpoint says so.
MODELS = [("yolo11n.yaml", False), ("yolov8n.yaml", False), ("yolo26n.yaml", False), ("yolo26n.yaml", True)]


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    yaml, end2end = request.param
    made = detectors.network(yaml, width=0.125)
    made.end2end = end2end
    # Random heads give all anchors nearly the same score; spread them, so that there is an order to keep.
    for name, parameter in made.model[-1].named_parameters():
        if name.endswith("2.weight"):
            torch.nn.init.normal_(parameter, 0, 0.5)
    return made


@pytest.fixture(scope="module")
def image():
    return torch.rand(1, 3, IMGSZ, IMGSZ, generator=torch.Generator().manual_seed(1))


def stock(model, image):
    with torch.no_grad():
        return model(image)[0]


def test_all_anchors_decoded_are_ultralytics_own_output(model, image):
    expected = stock(model, image)
    with torch.no_grad():
        output = exportable(model, ANCHORS)(image)
    assert output.shape == expected.shape
    if model.model[-1].end2end:  # detections: of scores that differ by less than rounding either may come first
        apart = (output[0][:, None] - expected[0][None]).abs().amax(2)
        assert apart.min(1).values.max() < 1e-2
        output, expected = output[..., 4], expected[..., 4]
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-3)


def test_candidates_are_the_anchors_with_the_best_scores(model, image):
    kept = 20
    with torch.no_grad():
        output = exportable(model, kept)(image)
    expected = stock(model, image)
    if model.model[-1].end2end:
        # The best pairs of anchor and class, out of as many anchors.
        torch.testing.assert_close(output, expected[:, :kept], rtol=1e-4, atol=1e-3)
    else:
        order = expected[0, 4:].amax(0).argsort(descending=True)[:kept]
        torch.testing.assert_close(output, expected[:, :, order], rtol=1e-4, atol=1e-3)


def test_the_model_itself_is_left_as_it_was(model, image):
    before = stock(model, image)
    exportable(model, 20)
    torch.testing.assert_close(stock(model, image), before, rtol=0, atol=0)


def test_feature_maps_are_enlarged_after_their_convolution(model):
    late = [m for m in exportable(model, 20).modules() if isinstance(m, LateUpsample)]
    assert len(late) == 4  # two blocks, two halves each


def test_raw_maps_come_in_the_order_of_their_names(model, image):
    with torch.no_grad():
        maps = dict(zip(map_names(3), exportable(model, None)(image), strict=True))
    head = model.model[-1]
    assert maps["boxes1"].shape == (1, 4 * head.reg_max, 4, 4)
    assert maps["scores2"].shape == (1, head.nc, 2, 2)
