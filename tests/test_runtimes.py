"""Pre- and post-processing agree with Ultralytics; every runtime gives the same answer for the same model."""

import numpy as np
import pytest

import pinch  # noqa: F401  (first: it settles Ultralytics' environment)
from pinch.runtimes import postprocess
from pinch.runtimes.preprocess import letterbox

SHAPES = [(480, 640), (640, 480), (123, 457), (64, 64), (31, 200), (1, 300), (1080, 1920)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("imgsz", [64, 160])
def test_letterbox_gives_the_pixels_of_ultralytics(shape, imgsz):
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    theirs = LetterBox(imgsz)(image=image)[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
    ours, _ = letterbox(image, imgsz)
    assert ours.dtype == np.float32
    assert ours.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(ours, theirs)


def test_letterbox_of_an_input_that_is_not_square():
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(0).integers(0, 256, (90, 300, 3), dtype=np.uint8)
    theirs = LetterBox((96, 160))(image=image)[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
    np.testing.assert_array_equal(letterbox(image, (96, 160))[0], theirs)


@pytest.mark.parametrize("shape", SHAPES)
def test_detections_are_those_of_ultralytics(shape):
    import torch
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.ops import scale_boxes

    rng = np.random.default_rng(1)
    output = np.concatenate((rng.uniform(0, 160, (2, 400)), rng.uniform(5, 60, (2, 400)), rng.beta(1, 4, (3, 400))))
    output = output[None].astype(np.float32)
    _, geometry = letterbox(np.zeros((*shape, 3), np.uint8), 160)
    ours = postprocess.detections(output, geometry)
    theirs = non_max_suppression(torch.from_numpy(output.copy()), 0.25, 0.7)[0]
    boxes = scale_boxes((160, 160), theirs[:, :4], shape).numpy()
    assert len(ours) == len(boxes) > 10
    np.testing.assert_allclose(ours.boxes, boxes, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(ours.scores, theirs[:, 4].numpy())
    np.testing.assert_array_equal(ours.classes, theirs[:, 5].numpy())


def test_nothing_found_and_boxes_without_an_area():
    _, geometry = letterbox(np.zeros((40, 40, 3), np.uint8), 64)
    nothing = postprocess.detections(np.zeros((1, 6, 0), np.float32), geometry)
    assert nothing.boxes.shape == (0, 4)
    points = np.zeros((1, 5, 3), np.float32)
    points[:, 4] = 0.9
    assert len(postprocess.detections(points, geometry)) == 3


def test_output_that_is_already_suppressed_is_only_filtered():
    _, geometry = letterbox(np.zeros((64, 64, 3), np.uint8), 64)
    output = np.array([[[1, 2, 3, 4, 0.9, 2], [1, 2, 3, 4, 0.8, 2], [5, 6, 7, 8, 0.1, 0]]], np.float32)
    found = postprocess.detections(output, geometry)
    assert found.classes.tolist() == [2, 2]
    np.testing.assert_array_equal(found.boxes[0], [1, 2, 3, 4])
