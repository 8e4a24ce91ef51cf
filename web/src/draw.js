// Frames with boxes on a canvas.

const SHARP = 640; // pixels that the shorter side of a canvas has at least
const FONT_SHARE = 26; // the shorter side divided by the height of labels

/**
 * Draw a frame and its boxes; text is readable in a mirrored frame, too.
 *
 * @param {HTMLCanvasElement} canvas which takes the frame's shape
 * @param {ImageBitmap} frame
 * @param found detections as `decode` gives them, best first
 * @param {string[]} names of the classes
 * @param {boolean} mirrored
 */
export function draw(canvas, frame, found, names, mirrored) {
  // Text is sharp in frames of few pixels, too.
  const zoom = Math.max(1, SHARP / Math.min(frame.width, frame.height));
  const [width, height] = [frame.width, frame.height].map((side) => Math.round(side * zoom));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? width : 0, 0);
  pen.drawImage(frame, 0, 0, width, height);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  const size = Math.min(width, height) / FONT_SHARE;
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  for (const { box, score, label } of [...found].reverse()) {
    const [x1, y1, x2, y2] = box.map((side) => side * zoom);
    const text = `${names[label] ?? `class ${label}`} ${score.toFixed(2)}`;
    const sides = mirrored ? [width - x2, y1, width - x1, y2] : [x1, y1, x2, y2];
    drawBox(pen, sides, text, colour(label, names.length), size);
  }
}

function drawBox(pen, [x1, y1, x2, y2], text, fill, size) {
  pen.lineWidth = Math.max(2, size / 6);
  pen.strokeStyle = pen.fillStyle = fill;
  pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
  const width = pen.measureText(text).width + size * 0.6;
  const height = size * 1.35;
  const left = Math.max(0, Math.min(x1, pen.canvas.width - width));
  const top = y1 >= height ? y1 - height : y1;
  pen.fillRect(left, top, width, height);
  pen.fillStyle = "white";
  pen.fillText(text, left + size * 0.3, top + height / 2);
}

/** A colour for each class, evenly spread over the hues, dark enough for white text. */
function colour(label, count) {
  return `hsl(${(360 * label) / Math.max(count, 1)} 75% 38%)`;
}
