// From a network's output to boxes in the frame.

/**
 * Select the detections of an output, suppress the weaker of two boxes of a thing, and undo the letterbox.
 *
 * @param {Float32Array} output (4 + classes, anchors): centre x, centre y, width, height, then one score per class; or
 *   (n, 6) of a network that suppresses by itself: x1 y1 x2 y2 score class
 * @param {object} options `endToEnd`: whether it is the latter; `anchors`; `classes`; `scale`: [x, y], input pixels for
 *   one unit of the boxes; `confidence`: detections must have a higher score; `iou`: overlap above which the weaker box
 *   of a class is dropped; `limit`: maximum number of detections
 * @param {object} place what `Letterbox.fill` returned
 * @returns {{box: number[], score: number, label: number}[]} best first; boxes x1 y1 x2 y2 in pixels of the frame
 */
export function decode(output, options, place) {
  const candidates = options.endToEnd ? finished(output, options) : anchored(output, options);
  candidates.sort((a, b) => b.score - a.score);
  const kept = options.endToEnd ? candidates : suppress(candidates, options.iou);
  return kept.slice(0, options.limit).map((found) => ({ ...found, box: toFrame(found.box, place) }));
}

function finished(output, { confidence, scale }) {
  const found = [];
  for (let at = 0; at + 6 <= output.length; at += 6) {
    if (!(output[at + 4] > Math.fround(confidence))) continue;
    const box = [0, 1, 2, 3].map((side) => output[at + side] * scale[side % 2]);
    found.push({ box, score: output[at + 4], label: output[at + 5] });
  }
  return found;
}

function anchored(output, { anchors, classes, confidence, scale }) {
  const best = new Float32Array(anchors).fill(Math.fround(confidence));
  const labels = new Int16Array(anchors).fill(-1);
  for (let label = 0, at = 4 * anchors; label < classes; label++)
    for (let anchor = 0; anchor < anchors; anchor++, at++)
      if (output[at] > best[anchor]) {
        best[anchor] = output[at];
        labels[anchor] = label;
      }
  const found = [];
  for (let anchor = 0; anchor < anchors; anchor++) {
    if (labels[anchor] < 0) continue;
    const [x, y, width, height] = [0, 1, 2, 3].map((row) => output[row * anchors + anchor] * scale[row % 2]);
    const box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
    found.push({ box, score: best[anchor], label: labels[anchor] });
  }
  return found;
}

/** Greedy non-maximum suppression within each class, of detections in the order of their scores. */
function suppress(candidates, iou) {
  const kept = [];
  for (const candidate of candidates)
    if (!kept.some((better) => better.label === candidate.label && overlap(better.box, candidate.box, iou)))
      kept.push(candidate);
  return kept;
}

/** Whether the intersection of two boxes is more than this share of their union. */
function overlap(a, b, share) {
  const width = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const height = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return width * height > share * (area(a) + area(b) - width * height);
}

function toFrame(box, place) {
  const clip = (value, most) => Math.min(Math.max(value, 0), most);
  return [
    clip((box[0] - place.left) / place.gainX, place.width),
    clip((box[1] - place.top) / place.gainY, place.height),
    clip((box[2] - place.left) / place.gainX, place.width),
    clip((box[3] - place.top) / place.gainY, place.height),
  ];
}
