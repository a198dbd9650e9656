// A chunk's codecs, undone one after another. What is not known is refused, never guessed.

import { inflate, unblosc, unlz4, unshuffled } from "./blosc.js";
import { dtypeOf, dtypeOfNumpy, elementsOf, emptyValues, fillOf } from "./dtypes.js";
import { UnknownError, need } from "./errors.js";
import { unzstd } from "./zstd.js";

const MOST_DECODED = 2 ** 31;

const cutAtEnd = (bytes) => bytes.subarray(0, -4);
const cutAtStart = (bytes) => bytes.subarray(4);
const located = (usual) => (bytes, _most, options) =>
  (options.location ?? usual) === "end" ? cutAtEnd(bytes) : cutAtStart(bytes);

const BYTES = {
  zstd: (bytes, most) => unzstd(bytes, most),
  gzip: (bytes, most) => inflate(bytes, "gzip", most),
  blosc: (bytes, most) => unblosc(bytes, most),
  crc32c: cutAtEnd,
  "numcodecs.zstd": (bytes, most) => unzstd(bytes, most),
  "numcodecs.gzip": (bytes, most) => inflate(bytes, "gzip", most),
  "numcodecs.zlib": (bytes, most) => inflate(bytes, "deflate", most),
  "numcodecs.blosc": (bytes, most) => unblosc(bytes, most),
  "numcodecs.lz4": (bytes, most) => {
    const nbytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    need(nbytes <= most, "a chunk is longer than its array says");
    return unlz4(bytes.subarray(4), nbytes);
  },
  "numcodecs.shuffle": (bytes, _most, options) => unshuffled(bytes, options.elementsize ?? 4),
  "numcodecs.crc32c": located("end"),
  "numcodecs.crc32": located("start"),
  "numcodecs.adler32": located("start"),
  "numcodecs.fletcher32": located("end"),
  "numcodecs.jenkins_lookup3": cutAtEnd,
};

// Each says what data type and shape it makes of one, and undoes itself.
const ARRAYS = {
  transpose: {
    stored: (dtype, shape, { order }) => [dtype, order.map((axis) => shape[axis])],
    undo: (values, shape, { order }, dtype) => untransposed(values, shape, order, dtype),
  },
  scale_offset: {
    stored: (dtype, shape) => [dtype, shape],
    undo: (values, _shape, options, dtype) => {
      const scale = fillOf(options.scale ?? 1, dtype),
        offset = fillOf(options.offset ?? 0, dtype);
      return mapped(values, dtype, (value) => unscaled(value, scale, offset, dtype));
    },
  },
  cast_value: {
    stored: (_dtype, shape, options) => [dtypeOf(options.data_type), shape],
    undo: (values, _shape, options, dtype) => {
      const inner = dtypeOf(options.data_type);
      const pairs = (options.scalar_map?.decode ?? []).map(([from, to]) => [
        fillOf(from, inner),
        fillOf(to, dtype),
      ]);
      return mapped(values, dtype, (value) => {
        const pair = pairs.find(([from]) => Object.is(from, value));
        return pair ? pair[1] : cast(value, dtype);
      });
    },
  },
  "numcodecs.delta": {
    stored: (_dtype, shape, options) => [dtypeOfNumpy(options.astype ?? options.dtype), shape],
    undo: (values, _shape, _options, dtype) => {
      const sums = new dtype.Typed(values.length);
      for (let i = 0; i < values.length; i++)
        sums[i] = i ? sums[i - 1] + cast(values[i], dtype) : cast(values[0], dtype);
      return sums;
    },
  },
  "numcodecs.fixedscaleoffset": {
    stored: (_dtype, shape, options) => [dtypeOfNumpy(options.astype ?? options.dtype), shape],
    undo: (values, _shape, { scale, offset }, dtype) =>
      mapped(values, dtype, (value) => cast(Number(value) / scale + offset, dtype)),
  },
  "numcodecs.astype": {
    stored: (_dtype, shape, options) => [dtypeOfNumpy(options.encode_dtype), shape],
    undo: (values, _shape, _options, dtype) => mapped(values, dtype, (value) => cast(value, dtype)),
  },
  "numcodecs.quantize": {
    stored: (_dtype, shape, options) => [dtypeOfNumpy(options.astype ?? options.dtype), shape],
    undo: (values, _shape, _options, dtype) => mapped(values, dtype, (value) => cast(value, dtype)),
  },
  "numcodecs.bitround": { stored: (dtype, shape) => [dtype, shape], undo: (values) => values },
};

/** Return the elements of a chunk of a shape, in C order. */
export async function decodeChunk(bytes, metadata, shape) {
  const codecs = metadata.codecs.map((codec) => (typeof codec === "string" ? { name: codec } : codec));
  const at = codecs.findIndex(({ name }) => name in SERIALIZERS);
  if (at < 0) throw new UnknownError(`the codecs ${codecs.map(({ name }) => name).join(", ")}`);
  const states = [[dtypeOf(metadata.data_type), shape]];
  for (const { name, configuration } of codecs.slice(0, at)) {
    if (!(name in ARRAYS)) throw new UnknownError(`the codec ${name}`);
    states.push(ARRAYS[name].stored(...states.at(-1), configuration ?? {}));
  }
  const [inner, innerShape] = states.at(-1),
    count = innerShape.reduce((a, b) => a * b, 1);
  const most = inner.size ? count * inner.size : MOST_DECODED;
  need(most <= MOST_DECODED, "a chunk is too large");
  let raw = bytes;
  for (const { name, configuration } of codecs.slice(at + 1).reverse()) {
    if (!(name in BYTES)) throw new UnknownError(`the codec ${name}`);
    raw = await BYTES[name](raw, most + 64, configuration ?? {});
  }
  let values = SERIALIZERS[codecs[at].name](raw, inner, count, codecs[at].configuration ?? {});
  for (let i = at - 1; i >= 0; i--) {
    const [dtype] = states[i],
      [, stored] = states[i + 1];
    values = ARRAYS[codecs[i].name].undo(values, stored, codecs[i].configuration ?? {}, dtype);
  }
  return values;
}

const SERIALIZERS = {
  bytes: (bytes, dtype, count, options) => elementsOf(bytes, dtype, count, options.endian !== "big"),
  "vlen-utf8": (bytes, _dtype, count) => {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return parts(bytes, count).map((part) => decoder.decode(part));
  },
  "vlen-bytes": (bytes, _dtype, count) => parts(bytes, count),
};

function parts(bytes, count) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  need(bytes.length >= 4 && view.getUint32(0, true) === count, "a chunk has another number of elements");
  const found = [];
  let at = 4;
  for (let i = 0; i < count; i++) {
    need(at + 4 <= bytes.length, "an element goes beyond its chunk");
    const length = view.getUint32(at, true);
    at += 4;
    need(at + length <= bytes.length, "an element goes beyond its chunk");
    found.push(bytes.subarray(at, at + length));
    at += length;
  }
  need(at === bytes.length, "there is something behind the elements");
  return found;
}

function mapped(values, dtype, change) {
  const out = emptyValues(dtype, values.length);
  for (let i = 0; i < values.length; i++) out[i] = change(values[i]);
  return out;
}

function unscaled(value, scale, offset, dtype) {
  if (dtype.name === "float32") return Math.fround(Math.fround(value / scale) + offset);
  if (dtype.name === "float16") throw new UnknownError("scaled 16-bit floats");
  if (!dtype.name.startsWith("float")) {
    const zero = typeof value === "bigint" ? 0n : 0;
    need(value % scale === zero, "a stored integer is no multiple of its scale");
  }
  return value / scale + offset;
}

// A number as another data type, which must hold it.
function cast(value, dtype) {
  if (dtype.name.startsWith("float")) return Number(value);
  if (typeof value !== "bigint" && !Number.isInteger(value))
    throw new UnknownError("numbers that are rounded when they are read");
  return dtype.size === 8 ? BigInt(value) : Number(value);
}

function untransposed(values, stored, order, dtype) {
  const shape = [];
  order.forEach((axis, i) => {
    shape[axis] = stored[i];
  });
  const steps = stored.map((_, i) => stored.slice(i + 1).reduce((a, b) => a * b, 1)),
    place = [];
  order.forEach((axis, i) => {
    place[axis] = steps[i];
  });
  const out = emptyValues(dtype, values.length),
    at = shape.map(() => 0);
  for (let i = 0, from = 0; i < values.length; i++) {
    out[i] = values[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += place[axis];
      if (++at[axis] < shape[axis]) break;
      from -= place[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return out;
}
