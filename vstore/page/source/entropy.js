// Finite state entropy and Huffman's code, as RFC 8878 has them.

import { need } from "./errors.js";

/** Bits that are read from the end of bytes to their start. */
export class BackwardBits {
  constructor(bytes, start, end) {
    need(end > start && bytes[end - 1] !== 0, "a stream of bits has no end");
    this.bytes = bytes;
    this.start = start;
    this.left = (end - start) * 8 - (Math.clz32(bytes[end - 1]) - 24) - 1;
  }

  // Bits from a place on, those before the start being 0.
  peek(count) {
    if (count === 0) return 0;
    const from = this.left - count;
    if (from < 0) return this.left <= 0 ? 0 : this.at(0, this.left) << -from;
    return this.at(from, count);
  }

  at(from, count) {
    const { bytes } = this,
      byte = this.start + (from >>> 3);
    const word = bytes[byte] | (bytes[byte + 1] << 8) | (bytes[byte + 2] << 16) | (bytes[byte + 3] << 24);
    return (word >>> (from & 7)) & ((1 << count) - 1);
  }

  read(count) {
    if (count > 24) {
      const high = this.read(count - 16);
      return high * 65536 + this.read(16);
    }
    const value = this.peek(count);
    this.left -= count;
    return value;
  }
}

// Read how often each symbol comes in a table of finite state entropy, and where it ends.
export function readCounts(bytes, at, most) {
  let bit = at * 8;
  const read = (count) => {
    const byte = bit >>> 3;
    const word = bytes[byte] | (bytes[byte + 1] << 8) | (bytes[byte + 2] << 16) | (bytes[byte + 3] << 24);
    bit += count;
    return (word >>> ((bit - count) & 7)) & ((1 << count) - 1);
  };
  const log = read(4) + 5,
    counts = [];
  need(log <= most, "a table of symbols is too large");
  let remaining = 1 << log;
  while (remaining > 0) {
    const bits = 32 - Math.clz32(remaining + 1),
      low = (1 << (bits - 1)) - 1;
    const threshold = (1 << bits) - 1 - (remaining + 1);
    let value = read(bits);
    if ((value & low) < threshold) {
      bit -= 1;
      value &= low;
    } else if (value > low) value -= threshold;
    const count = value - 1;
    remaining -= Math.abs(count);
    counts.push(count);
    need(remaining >= 0 && counts.length <= 256 && bit <= bytes.length * 8, "a table of symbols is damaged");
    for (let zeros = count === 0 ? 3 : 0; zeros === 3;) {
      zeros = read(2);
      for (let i = 0; i < zeros; i++) counts.push(0);
    }
  }
  return { table: stateTable(log, counts), end: (bit + 7) >>> 3 };
}

export function stateTable(log, counts) {
  const size = 1 << log,
    symbols = new Uint8Array(size),
    next = counts.map((count) => Math.abs(count));
  let high = size;
  counts.forEach((count, symbol) => {
    if (count === -1) symbols[--high] = symbol;
  });
  const step = (size >> 1) + (size >> 3) + 3;
  let place = 0;
  counts.forEach((count, symbol) => {
    for (let i = 0; i < count; i++) {
      symbols[place] = symbol;
      do place = (place + step) & (size - 1);
      while (place >= high);
    }
  });
  const bits = new Uint8Array(size),
    bases = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const value = next[symbols[state]]++;
    bits[state] = log - (31 - Math.clz32(value));
    bases[state] = (value << bits[state]) - size;
  }
  return { log, symbols, bits, bases };
}

// Read the tree of a Huffman code: a table from the next bits to a symbol and its length.
export function readTree(bytes, at) {
  const first = bytes[at++],
    weights = [];
  let end;
  if (first >= 128) {
    const count = first - 127;
    end = at + ((count + 1) >> 1);
    for (let i = 0; i < count; i++)
      weights.push(i % 2 ? bytes[at + (i >> 1)] & 15 : bytes[at + (i >> 1)] >> 4);
  } else {
    end = at + first;
    need(end <= bytes.length, "a tree of symbols goes beyond its end");
    const { table, end: start } = readCounts(bytes.subarray(0, end), at, 6);
    const bits = new BackwardBits(bytes, start, end),
      states = [bits.read(table.log), bits.read(table.log)];
    for (let turn = 0; ; turn ^= 1) {
      const state = states[turn],
        count = table.bits[state];
      weights.push(table.symbols[state]);
      need(weights.length < 255, "a tree has too many symbols");
      if (bits.left < count) {
        weights.push(table.symbols[states[turn ^ 1]]);
        break;
      }
      states[turn] = table.bases[state] + bits.read(count);
    }
  }
  return { tree: treeOf(weights), end };
}

function treeOf(weights) {
  const sum = weights.reduce((total, weight) => total + (weight ? 1 << (weight - 1) : 0), 0);
  need(sum > 0, "a tree has no symbols");
  const log = 32 - Math.clz32(sum),
    rest = (1 << log) - sum;
  need(log <= 11 && (rest & (rest - 1)) === 0, "a tree is not whole");
  const all = [...weights, 32 - Math.clz32(rest)],
    table = new Uint16Array(1 << log);
  let at = 0;
  for (let weight = 1; weight <= log; weight++) {
    all.forEach((each, symbol) => {
      if (each !== weight) return;
      table.fill((symbol << 4) | (log + 1 - weight), at, (at += 1 << (weight - 1)));
    });
  }
  return { log, table };
}

export function readStream(tree, bytes, start, end, target, from, count) {
  const bits = new BackwardBits(bytes, start, end),
    { log, table } = tree,
    mask = (1 << log) - 1;
  const base = start * 8;
  let left = bits.left,
    i = from;
  for (const stop = from + count; i < stop && left >= log; i++) {
    const bit = base + left - log,
      byte = bit >>> 3;
    const word = bytes[byte] | (bytes[byte + 1] << 8) | (bytes[byte + 2] << 16);
    const entry = table[(word >>> (bit & 7)) & mask];
    target[i] = entry >> 4;
    left -= entry & 15;
  }
  bits.left = left;
  for (; i < from + count; i++) {
    const entry = table[bits.peek(log)];
    target[i] = entry >> 4;
    bits.left -= entry & 15;
  }
  need(bits.left === 0, "a stream of symbols has another length");
}
