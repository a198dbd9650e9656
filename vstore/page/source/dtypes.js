// Data types of Zarr, as section 9 of the stored format lists them, and elements of them.

import { UnknownError, need } from "./errors.js";

const TYPED = {
  bool: [1, Uint8Array],
  int8: [1, Int8Array],
  uint8: [1, Uint8Array],
  int16: [2, Int16Array],
  uint16: [2, Uint16Array],
  int32: [4, Int32Array],
  uint32: [4, Uint32Array],
  int64: [8, BigInt64Array],
  uint64: [8, BigUint64Array],
  float16: [2, Float32Array],
  float32: [4, Float32Array],
  float64: [8, Float64Array],
};
const TIMES = ["numpy.datetime64", "numpy.timedelta64"];
const PER_SECOND = { s: 1, ms: 1e3, us: 1e6, ns: 1e9, ps: 1e12, fs: 1e15, as: 1e18 };
const SECONDS = { m: 60, h: 3600, D: 86400, W: 604800 };
const NOT_A_TIME = -(2n ** 63n);

/** A data type: its name, the bytes of an element (0 where they differ), and what it has beside. */
export function dtypeOf(stored) {
  const name = typeof stored === "string" ? stored : stored.name;
  const options = typeof stored === "string" ? {} : (stored.configuration ?? {});
  if (name in TYPED) return { name, size: TYPED[name][0], Typed: TYPED[name][1] };
  if (TIMES.includes(name)) {
    return { name, size: 8, Typed: BigInt64Array, unit: options.unit, factor: options.scale_factor };
  }
  if (name === "complex64" || name === "complex128") return { name, size: name === "complex64" ? 8 : 16 };
  if (name === "string" || name === "variable_length_bytes") return { name, size: 0 };
  if (["fixed_length_utf32", "null_terminated_bytes", "raw_bytes"].includes(name)) {
    need(Number.isSafeInteger(options.length_bytes) && options.length_bytes > 0, "a data type has no length");
    return { name, size: options.length_bytes };
  }
  throw new UnknownError(`the data type ${name}`);
}

/** A data type by NumPy's short name, as numcodecs has it. */
export function dtypeOfNumpy(text) {
  const found = /^[<>|=]?([biuf])([1248])$/.exec(text ?? "");
  if (!found) throw new UnknownError(`the data type ${text}`);
  const name = found[1] === "b" ? "bool" : { i: "int", u: "uint", f: "float" }[found[1]] + 8 * found[2];
  return dtypeOf(name);
}

/** Return room for elements: numbers in a typed array, anything else in a list. */
export function emptyValues(dtype, count) {
  return dtype.Typed ? new dtype.Typed(count) : new Array(count);
}

/** Return the elements that bytes stand for. */
export function elementsOf(bytes, dtype, count, isLittle) {
  need(bytes.length === count * dtype.size, "a chunk has another length");
  if (dtype.Typed) return numbersOf(bytes, dtype, count, isLittle);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    values = new Array(count);
  for (let i = 0; i < count; i++) values[i] = element(bytes, view, i * dtype.size, dtype, isLittle);
  return values;
}

function numbersOf(bytes, dtype, count, isLittle) {
  const own = bytes.slice();
  if (!isLittle && dtype.size > 1) {
    for (let at = 0; at < own.length; at += dtype.size) own.subarray(at, at + dtype.size).reverse();
  }
  if (dtype.name !== "float16") return new dtype.Typed(own.buffer, 0, count);
  return Float32Array.from(new Uint16Array(own.buffer, 0, count), halfOf);
}

function halfOf(bits) {
  const sign = bits & 0x8000 ? -1 : 1,
    exponent = (bits >> 10) & 31,
    fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

function element(bytes, view, at, dtype, isLittle) {
  if (dtype.name === "complex64") return [view.getFloat32(at, isLittle), view.getFloat32(at + 4, isLittle)];
  if (dtype.name === "complex128") return [view.getFloat64(at, isLittle), view.getFloat64(at + 8, isLittle)];
  let end = at + dtype.size;
  if (dtype.name === "raw_bytes") return bytes.slice(at, end);
  if (dtype.name === "null_terminated_bytes") {
    while (end > at && bytes[end - 1] === 0) end -= 1;
    return bytes.slice(at, end);
  }
  while (end > at && view.getUint32(end - 4, isLittle) === 0) end -= 4;
  let text = "";
  for (; at < end; at += 4) {
    const point = view.getUint32(at, isLittle);
    need(point <= 0x10ffff, "a character is beyond Unicode");
    text += String.fromCodePoint(point);
  }
  return text;
}

/** Return the element that a document's fill value stands for. */
export function fillOf(stored, dtype) {
  const { name } = dtype;
  if (name === "bool") return stored ? 1 : 0;
  if (TIMES.includes(name)) return stored === "NaT" ? NOT_A_TIME : BigInt(stored);
  if (name === "int64" || name === "uint64") return BigInt(stored);
  if (name.startsWith("float")) return floatOf(stored, dtype);
  if (name.startsWith("complex")) {
    return stored.map((part) => floatOf(part, dtypeOf(name === "complex64" ? "float32" : "float64")));
  }
  if (name === "string" || name === "fixed_length_utf32" || dtype.Typed) return stored;
  const bytes = fromBase64(stored);
  return name === "raw_bytes" ? padded(bytes, dtype.size) : bytes;
}

function floatOf(stored, dtype) {
  if (typeof stored === "number" || typeof stored === "bigint") return Number(stored);
  if (stored === "NaN") return NaN;
  if (stored === "Infinity" || stored === "-Infinity") return stored === "Infinity" ? Infinity : -Infinity;
  need(/^0x[0-9a-f]+$/.test(stored), "a fill value is no number");
  const bytes = Uint8Array.from({ length: dtype.size }, (_, i) => parseInt(stored.substr(2 + 2 * i, 2), 16));
  return elementsOf(bytes, dtype, 1, false)[0];
}

function padded(bytes, size) {
  const whole = new Uint8Array(size);
  whole.set(bytes);
  return whole;
}

/** Return the bytes that base64 stands for. */
export function fromBase64(text) {
  need(/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0, "base64 is damaged");
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Return an element as text that a person reads; `null` where it is no value (not-a-time). */
export function textOf(value, dtype) {
  if (dtype.name === "bool") return value ? "true" : "false";
  if (dtype.name === "numpy.datetime64") return dateOf(value, dtype);
  if (dtype.name === "numpy.timedelta64") {
    return value === NOT_A_TIME ? null : `${value * BigInt(dtype.factor)} ${dtype.unit}`;
  }
  if (dtype.name === "float32" || dtype.name === "float16") return shortest(value);
  if (dtype.name.startsWith("complex")) return `${value[0]}${value[1] < 0 ? "" : "+"}${value[1]}j`;
  if (value instanceof Uint8Array) return `${value.length.toLocaleString("en")} bytes`;
  return `${value}`;
}

// The fewest digits that give the same 32-bit float.
function shortest(value) {
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return `${text}`;
  }
  return `${value}`;
}

function dateOf(value, dtype) {
  if (value === NOT_A_TIME) return null;
  const count = value * BigInt(dtype.factor);
  if (dtype.unit === "Y") return `${1970n + count}`;
  if (dtype.unit === "M") {
    const month = ((count % 12n) + 12n) % 12n;
    return `${1970n + (count - month) / 12n}-${`${month + 1n}`.padStart(2, "0")}`;
  }
  if (dtype.unit in SECONDS) return dayOf(count * BigInt(SECONDS[dtype.unit]), "", dtype.unit);
  if (!(dtype.unit in PER_SECOND)) return `${count} ${dtype.unit}`;
  const scale = BigInt(PER_SECOND[dtype.unit]),
    rest = ((count % scale) + scale) % scale;
  const digits = `${scale}`.length - 1;
  return dayOf((count - rest) / scale, digits ? `.${`${rest}`.padStart(digits, "0")}` : "", dtype.unit);
}

function dayOf(seconds, fraction, unit) {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds}${fraction} s`;
  const text = date.toISOString().slice(0, 19);
  return unit === "D" || unit === "W" ? text.slice(0, 10) : text + fraction;
}
