"""The lean head in TensorFlow: the same choice and arithmetic as `head.LeanHead`, on maps with channels last."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pinch.artifacts.tflite_spec import Head

SCOPE = "decoding/"
"""Prefix of the names of the head's tensors, which stay float in an int8 file."""


def decoder(head: Head) -> Callable[[list[Any]], Any]:
    """A function that decodes raw feature maps.

    Args:
        head: the head whose outputs are decoded.

    Returns:
        A function of the maps in the order of `pinch.artifacts.head.map_names`, (1, h, w, channels) each, to
        (1, 4 + classes, K) or, if the network suppresses by itself, (1, K, 6). Coordinates are fractions of the image.
    """
    anchors, strides = _anchors(head.strides, head.imgsz)

    def decode(maps: list[Any]) -> Any:
        with tf.name_scope(SCOPE):
            boxes = tf.concat([tf.reshape(one, (-1, 4 * head.bins)) for one in maps[0::2]], 0)
            scores = tf.concat([tf.reshape(one, (-1, head.classes)) for one in maps[1::2]], 0)
            centres, scales = tf.constant(anchors), tf.constant(strides / head.imgsz)
            if head.candidates < len(anchors):
                chosen = tf.math.top_k(tf.reduce_max(scores, 1), head.candidates).indices
                boxes, scores, centres, scales = (tf.gather(t, chosen) for t in (boxes, scores, centres, scales))
            sides = _distances(boxes, head.bins)
            low, high = (centres - sides[:, :2]) * scales, (centres + sides[:, 2:]) * scales
            scores = tf.sigmoid(scores)
            if head.end2end:
                return _detections(tf.concat([low, high], 1), scores, min(head.most, scores.shape[0]))
            return tf.transpose(tf.concat([(low + high) / 2, high - low, scores], 1))[None]

    return decode


def _anchors(strides: tuple[int, ...], imgsz: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres in strides, (anchors, 2), and strides in pixels, (anchors, 1), level by level, row by row."""
    centres, scales = [], []
    for stride in strides:
        side = imgsz // stride
        rows, columns = np.indices((side, side), np.float32) + 0.5
        centres.append(np.stack((columns.ravel(), rows.ravel()), 1))
        scales.append(np.full((side * side, 1), stride, np.float32))
    return np.concatenate(centres).astype(np.float32), np.concatenate(scales)


def _distances(boxes: Any, bins: int) -> Any:
    """See `pinch.artifacts.head`: (K, 4 * bins) to (K, 4)."""
    if bins == 1:
        return boxes
    shares = tf.nn.softmax(tf.reshape(boxes, (-1, bins)))
    return tf.reshape(tf.matmul(shares, tf.constant(np.arange(bins, dtype=np.float32)[:, None])), (-1, 4))


def _detections(boxes: Any, scores: Any, most: int) -> Any:
    """The best pairs of anchor and class: (K, 4) and (K, classes) to (1, most, 6)."""
    pairs, classes = tf.reshape(scores, (-1,)), scores.shape[1]
    # Only the indices are used: with its values, the converter would quantize this operator though it is to stay float.
    index = tf.math.top_k(pairs, most).indices
    best, kinds = tf.gather(pairs, index), tf.cast(index % classes, tf.float32)
    return tf.concat([tf.gather(boxes, index // classes), best[:, None], kinds[:, None]], 1)[None]
