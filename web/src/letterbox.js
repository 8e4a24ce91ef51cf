// From a frame to a network's input. The same pixels as OpenCV's bilinear resize and grey bars give in Python.
import { roundHalfEven } from "./tensors.js";

const COEFFICIENT_BITS = 11; // as in OpenCV's fixed-point interpolation

/**
 * Where a frame lies in a network's input.
 *
 * @param {number} width of the frame, in pixels
 * @param {number} height of the frame, in pixels
 * @param {[number, number]} shape [height, width] of the input, in pixels
 * @returns input = frame * gain + (left, top); `columns` and `rows` is the size of the scaled frame
 */
function geometry(width, height, [inputHeight, inputWidth]) {
  const gain = Math.min(inputHeight / height, inputWidth / width);
  const columns = Math.max(roundHalfEven(width * gain), 1);
  const rows = Math.max(roundHalfEven(height * gain), 1);
  return {
    width,
    height,
    columns,
    rows,
    gainX: columns / width,
    gainY: rows / height,
    // The smaller half of an odd rest is at the left and at the top.
    left: Math.round((inputWidth - columns) / 2 - 0.1),
    top: Math.round((inputHeight - rows) / 2 - 0.1),
  };
}

/** Scales frames without distortion into an input that it keeps, and fills the rest with bars. */
export class Letterbox {
  /**
   * @param {[number, number]} shape [height, width] of the input, in pixels
   * @param {boolean} channelsLast whether the input is (1, height, width, 3) instead of (1, 3, height, width)
   * @param {Float32Array|Uint16Array|Int8Array|Uint8Array} table the input for each of the 256 values of a pixel
   * @param {number} padding value of a pixel in the bars
   */
  constructor(shape, channelsLast, table, padding) {
    this.shape = shape;
    this.channelsLast = channelsLast;
    this.table = table;
    this.padding = padding;
    this.input = new table.constructor(3 * shape[0] * shape[1]);
    this.size = "";
  }

  /**
   * Fill the input with a frame.
   *
   * @param {Uint8ClampedArray} pixels RGBA, row by row
   * @param {number} width of the frame, in pixels
   * @param {number} height of the frame, in pixels
   * @returns the frame's geometry
   */
  fill(pixels, width, height) {
    const size = `${width}x${height}`;
    if (size !== this.size) {
      this.size = size;
      this.place = geometry(width, height, this.shape);
      this.horizontal = taps(width, this.place.columns);
      this.vertical = taps(height, this.place.rows);
      this.input.fill(this.table[this.padding]);
    }
    if (width === this.place.columns && height === this.place.rows) this.#copy(pixels);
    else this.#resize(pixels, width);
    return this.place;
  }

  /** Where the pixel at the left end of a row goes, and the distances to the next pixel and the next channel. */
  #target(row) {
    const [height, width] = this.shape;
    const pixel = (row + this.place.top) * width + this.place.left;
    return this.channelsLast ? [pixel * 3, 3, 1] : [pixel, 1, height * width];
  }

  #copy(pixels) {
    const { input, table, place } = this;
    for (let row = 0, source = 0; row < place.rows; row++) {
      let [target, step, plane] = this.#target(row);
      for (let column = 0; column < place.columns; column++, source += 4, target += step) {
        input[target] = table[pixels[source]];
        input[target + plane] = table[pixels[source + 1]];
        input[target + 2 * plane] = table[pixels[source + 2]];
      }
    }
  }

  #resize(pixels, width) {
    const { input, table, place, vertical } = this;
    const length = place.columns * 3;
    const rows = [new Int32Array(length), new Int32Array(length)];
    const held = [-1, -1];
    for (let row = 0; row < place.rows; row++) {
      const near = vertical.near[row];
      const far = vertical.far[row];
      if (held[0] !== near && held[1] === near) {
        rows.reverse();
        held.reverse();
      }
      if (held[0] !== near) this.#scaleRow(pixels, near * width * 4, rows[0]);
      if (held[1] !== far) this.#scaleRow(pixels, far * width * 4, rows[1]);
      held[0] = near;
      held[1] = far;
      const [first, second] = rows;
      const nearWeight = vertical.nearWeight[row];
      const farWeight = vertical.farWeight[row];
      let [target, step, plane] = this.#target(row);
      for (let source = 0; source < length; target += step)
        for (let channel = 0; channel < 3; channel++, source++) {
          const value = ((nearWeight * (first[source] >> 4)) >> 16) + ((farWeight * (second[source] >> 4)) >> 16);
          input[target + channel * plane] = table[(value + 2) >> 2];
        }
    }
  }

  /** Interpolate one row of the frame; values get COEFFICIENT_BITS more. */
  #scaleRow(pixels, start, target) {
    const { near, far, nearWeight, farWeight } = this.horizontal;
    for (let column = 0, at = 0; column < near.length; column++, at += 3) {
      const a = start + near[column] * 4;
      const b = start + far[column] * 4;
      const left = nearWeight[column];
      const right = farWeight[column];
      target[at] = pixels[a] * left + pixels[b] * right;
      target[at + 1] = pixels[a + 1] * left + pixels[b + 1] * right;
      target[at + 2] = pixels[a + 2] * left + pixels[b + 2] * right;
    }
  }
}

/** For each place of a scaled line, its two neighbours in the original line and their weights. */
function taps(from, to) {
  const near = new Int32Array(to);
  const far = new Int32Array(to);
  const nearWeight = new Int32Array(to);
  const farWeight = new Int32Array(to);
  for (let index = 0; index < to; index++) {
    const exact = Math.min(Math.max(((index + 0.5) * from) / to - 0.5, 0), from - 1);
    near[index] = Math.floor(exact);
    far[index] = Math.min(near[index] + 1, from - 1);
    const share = Math.fround(exact - near[index]);
    farWeight[index] = roundHalfEven(share * (1 << COEFFICIENT_BITS));
    nearWeight[index] = roundHalfEven((1 - share) * (1 << COEFFICIENT_BITS));
  }
  return { near, far, nearWeight, farWeight };
}
