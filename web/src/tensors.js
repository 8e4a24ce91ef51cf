// Numbers in the types of networks.

const ARRAYS = { float32: Float32Array, float16: Uint16Array, int8: Int8Array, uint8: Uint8Array };

/**
 * The network's input for each of the 256 values of a pixel.
 *
 * @param input of a contract: `dtype`, `value_range`, and `scale` and `zero_point` of an integer type
 */
export function pixelTable({ dtype, value_range: [low, high], scale, zero_point: zero }) {
  if (!(dtype in ARRAYS)) throw new Error(`its input is of the type ${dtype}, which this page cannot make`);
  const values = Float32Array.from({ length: 256 }, (_, value) => low + (value / 255) * (high - low));
  if (dtype === "float16") return Uint16Array.from(values, float16Bits);
  if (dtype === "float32") return values;
  const [least, most] = dtype === "int8" ? [-128, 127] : [0, 255];
  const stored = (value) => Math.min(Math.max(roundHalfEven(Math.fround(value / scale)) + zero, least), most);
  return ARRAYS[dtype].from(values, stored);
}

/**
 * An output's numbers as float32.
 *
 * @param data as the runtime gives it
 * @param output of a contract: `dtype`, and `scale` and `zero_point` of an integer type
 */
export function numbers(data, { dtype, scale, zero_point: zero }) {
  if (data instanceof Float32Array) return data;
  // Browsers that have no array of float16 give its bits.
  if (dtype === "float16") return data instanceof Uint16Array ? Float32Array.from(data, fromFloat16) : Float32Array.from(data);
  return Float32Array.from(data, (value) => (value - zero) * scale);
}

/** The bits of the float16 nearest to a number from 0 to 65504; ties go to the even one. */
function float16Bits(value) {
  const exponent = Math.max(Math.floor(Math.log2(value)), -14);
  // The number in units of the last place; a carry from rounding goes into the exponent by itself.
  const units = roundHalfEven(value * 2 ** (10 - exponent));
  return units + ((exponent + 14) << 10);
}

function fromFloat16(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Python's `round`. */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}
