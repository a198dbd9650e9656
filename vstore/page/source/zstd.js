// Zstandard, as RFC 8878 says. Dictionaries are not known, checksums are not compared:
// every chunk was compared with its digest before.

import { BackwardBits, readCounts, readStream, readTree, stateTable } from "./entropy.js";
import { UnknownError, need } from "./errors.js";
import { Growing } from "./growing.js";

const LITERAL_LENGTHS = [
  6,
  [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
    -1, -1,
  ],
];
const MATCH_LENGTHS = [6, [1, 4, 3, 2, 2, 2, 2, 2, 2, ...Array(37).fill(1), ...Array(7).fill(-1)]];
const OFFSETS = [5, [1, 1, 1, 1, 1, 1, 2, 2, 2, ...Array(15).fill(1), ...Array(5).fill(-1)]];
const LITERAL_BITS = [
  ...Array(16).fill(0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
];
const MATCH_BITS = [
  ...Array(32).fill(0),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  4,
  5,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
];
const MOST_OF_BLOCK = 1 << 17;

function basesOf(bits, first) {
  let next = first;
  return bits.map((count) => {
    const base = next;
    next += 2 ** count;
    return base;
  });
}
const OFFSET_BASES = Array.from({ length: 32 }, (_, code) => 2 ** code);
const LITERAL_BASES = basesOf(LITERAL_BITS, 0);
const MATCH_BASES = basesOf(MATCH_BITS, 3);

// Read the literals of a block.
function readLiterals(bytes, at, state) {
  const type = bytes[at] & 3,
    format = (bytes[at] >> 2) & 3;
  if (type < 2) {
    const header = [1, 2, 1, 3][format];
    const size =
      header === 1
        ? bytes[at] >> 3
        : (bytes[at] >> 4) + (bytes[at + 1] << 4) + (header === 3 ? bytes[at + 2] << 12 : 0);
    need(size <= MOST_OF_BLOCK, "a block has too many literals");
    at += header;
    if (type === 1) return { literals: new Uint8Array(size).fill(bytes[at]), end: at + 1 };
    need(at + size <= bytes.length, "literals go beyond their block");
    return { literals: bytes.subarray(at, at + size), end: at + size };
  }
  const width = [10, 10, 14, 18][format],
    header = [3, 3, 4, 5][format];
  let sizes = 0;
  for (let i = header - 1; i >= 0; i--) sizes = sizes * 256 + bytes[at + i];
  const size = Math.floor(sizes / 16) % 2 ** width,
    stored = Math.floor(sizes / 16 / 2 ** width);
  need(size <= MOST_OF_BLOCK, "a block has too many literals");
  at += header;
  const end = at + stored,
    literals = new Uint8Array(size);
  need(end <= bytes.length, "literals go beyond their block");
  if (type === 2) ({ tree: state.tree, end: at } = readTree(bytes.subarray(0, end), at));
  need(state.tree, "a block has no tree of symbols");
  if (format === 0) {
    readStream(state.tree, bytes, at, end, literals, 0, size);
    return { literals, end };
  }
  const part = (size + 3) >> 2,
    lengths = [0, 2, 4].map((i) => bytes[at + i] | (bytes[at + i + 1] << 8));
  at += 6;
  for (let i = 0; i < 4; i++) {
    const stop = i < 3 ? at + lengths[i] : end,
      from = i * part;
    need(stop <= end, "a stream goes beyond its block");
    readStream(state.tree, bytes, at, stop, literals, from, i < 3 ? part : size - from);
    at = stop;
  }
  return { literals, end };
}

function readTable(mode, bytes, at, preset, most, earlier) {
  if (mode === 0) return { table: stateTable(...preset), end: at };
  if (mode === 1) {
    const table = {
      log: 0,
      symbols: Uint8Array.of(bytes[at]),
      bits: new Uint8Array(1),
      bases: new Uint16Array(1),
    };
    return { table, end: at + 1 };
  }
  if (mode === 2) return readCounts(bytes, at, most);
  need(earlier, "a block repeats a table that was never there");
  return { table: earlier, end: at };
}

// Read one compressed block, and put what it stands for behind what there is.
function readBlock(bytes, state, out) {
  const { literals, end } = readLiterals(bytes, 0, state);
  let at = end,
    count = bytes[at++],
    used = 0;
  if (count > 254) {
    count = bytes[at] + (bytes[at + 1] << 8) + 0x7f00;
    at += 2;
  } else if (count > 127) count = ((count - 128) << 8) + bytes[at++];
  if (count) {
    const modes = bytes[at++];
    let tables;
    [tables, at] = readTables(modes, bytes, at, state);
    const bits = new BackwardBits(bytes, at, bytes.length);
    used = readSequences(bits, tables, count, state.recent, literals, out);
    need(bits.left === 0, "a block has something behind its sequences");
  }
  out.push(literals, used, literals.length - used);
}

function readTables(modes, bytes, at, state) {
  const presets = [
      [LITERAL_LENGTHS, 9],
      [OFFSETS, 8],
      [MATCH_LENGTHS, 9],
    ],
    tables = [];
  presets.forEach(([preset, most], which) => {
    const mode = (modes >> (6 - 2 * which)) & 3;
    const found = readTable(mode, bytes, at, preset, most, state.tables[which]);
    tables.push((state.tables[which] = found.table));
    at = found.end;
  });
  return [tables, at];
}

// Lay literals and repetitions behind what there is; return how many literals that took.
function readSequences(bits, [literalTable, offsetTable, matchTable], count, recent, literals, out) {
  let literal = bits.read(literalTable.log),
    offset = bits.read(offsetTable.log),
    match = bits.read(matchTable.log);
  let used = 0;
  for (let i = 0; i < count; i++) {
    const literalCode = literalTable.symbols[literal],
      matchCode = matchTable.symbols[match];
    const offsetCode = offsetTable.symbols[offset];
    need(literalCode < 36 && matchCode < 53 && offsetCode < 32, "a code is too large");
    const value = OFFSET_BASES[offsetCode] + bits.read(offsetCode);
    const length = MATCH_BASES[matchCode] + bits.read(MATCH_BITS[matchCode]);
    const plain = LITERAL_BASES[literalCode] + bits.read(LITERAL_BITS[literalCode]);
    need(used + plain <= literals.length, "a sequence takes more literals than there are");
    out.push(literals, used, plain);
    out.repeat(offsetOf(value, plain, recent), length);
    used += plain;
    if (i < count - 1) {
      literal = literalTable.bases[literal] + bits.read(literalTable.bits[literal]);
      match = matchTable.bases[match] + bits.read(matchTable.bits[match]);
      offset = offsetTable.bases[offset] + bits.read(offsetTable.bits[offset]);
    }
    need(bits.left >= 0, "a block ends too early");
  }
  return used;
}

// Return the offset that a value stands for, and keep it among the last three.
function offsetOf(value, count, recent) {
  if (value > 3) {
    recent[2] = recent[1];
    recent[1] = recent[0];
    return (recent[0] = value - 3);
  }
  const which = value - 1 + (count === 0 ? 1 : 0);
  const offset = which === 3 ? recent[0] - 1 : recent[which];
  need(offset > 0, "an offset is zero");
  if (which > 1) recent[2] = recent[1];
  if (which > 0) {
    recent[1] = recent[0];
    recent[0] = offset;
  }
  return offset;
}

/** Return what Zstandard's frames hold, of at most `most` bytes. */
export function unzstd(bytes, most) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Growing(Math.min(most, 4 * bytes.length), most);
  let at = 0;
  while (at < bytes.length) {
    need(bytes.length - at >= 8, "a frame ends too early");
    const magic = view.getUint32(at, true);
    at += 4;
    if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
      at += 4 + view.getUint32(at, true);
      continue;
    }
    need(magic === 0xfd2fb528, "not a frame of Zstandard");
    at = readFrame(bytes, at, out);
  }
  return out.whole();
}

function readFrame(bytes, at, out) {
  const header = bytes[at++],
    single = (header >> 5) & 1;
  if (header & 3) throw new UnknownError("Zstandard with a dictionary");
  need((header & 8) === 0, "a frame of a later version");
  at += (single ? 0 : 1) + [single ? 1 : 0, 2, 4, 8][header >> 6];
  const first = out.length;
  const frame = new Growing(0, out.most - first),
    state = { tree: null, tables: [], recent: [1, 4, 8] };
  frame.bytes = out.bytes.subarray(first);
  for (let isLast = false; !isLast;) {
    need(at + 3 <= bytes.length, "a frame ends too early");
    const block = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16),
      type = (block >> 1) & 3,
      size = block >> 3;
    isLast = (block & 1) === 1;
    at += 3;
    need(type < 3 && at + (type === 1 ? 1 : size) <= bytes.length, "a block goes beyond its end");
    if (type === 0) frame.push(bytes, at, size);
    else if (type === 1) frame.fill(bytes[at], size);
    else readBlock(bytes.subarray(at, at + size), state, frame);
    at += type === 1 ? 1 : size;
  }
  if (frame.bytes.buffer === out.bytes.buffer) out.length += frame.length;
  else out.push(frame.bytes, 0, frame.length);
  return at + (header & 4 ? 4 : 0);
}
