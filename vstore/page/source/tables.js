// Samples of tables: section 10 of the stored format.

import { ZarrArray } from "./arrays.js";
import { blake3 } from "./blake3.js";
import { dtypeOf, elementsOf } from "./dtypes.js";
import { UnknownError, need } from "./errors.js";
import { canonicalJson, parseJson } from "./json.js";
import { childrenOf } from "./tree.js";

const BLOCK = 2 ** 20,
  INDEXED = 16_384,
  ROWS_PER_BUCKET = 1024;
const COMPANION = /\.(shape|valid|deleted|index)$/;

/** A table: its columns, and where its live samples are. */
export class Table {
  static async open(repository, node) {
    const children = await childrenOf(repository, node);
    const arrays = new Map([...children].map(([name, child]) => [name, new ZarrArray(repository, child)]));
    return new Table(node.table, arrays);
  }

  constructor(about, arrays) {
    this.about = about;
    this.arrays = arrays;
    this.names = [...arrays.keys()].filter((name) => arrays.get(name).node.column);
    const lengths = new Set(
      [...arrays].filter(([name]) => name !== "sample.index").map(([, array]) => array.shape[0]),
    );
    need(lengths.size <= 1, "the columns of a table differ in length");
    this.stored = [...lengths][0] ?? 0;
    this.deleted = about.deleted ?? [];
    need(
      this.deleted.every((count, i) => count <= Math.min(BLOCK, this.stored - i * BLOCK)),
      "more rows are deleted than there are",
    );
    need(
      this.deleted.length === 0 || arrays.has("sample.deleted"),
      "a table does not say which rows are deleted",
    );
    this.length = this.stored - this.deleted.reduce((a, b) => a + b, 0);
    for (const name of this.names) {
      need(!COMPANION.test(name), `a column is called ${name}`);
      if (this.column(name).optional)
        need(arrays.has(`${name}.valid`), `${name} does not say what is missing`);
      if (this.column(name).kind === "ragged") need(arrays.has(`${name}.shape`), `${name} has no shapes`);
    }
  }

  column(name) {
    return this.arrays.get(name).node.column;
  }

  get keyed() {
    return Boolean(this.about.keys) && this.arrays.has("sample");
  }

  /** Return the stored rows of the samples at positions from `first` on. */
  async rowsAt(first, count) {
    const rows = [],
      blocks = Math.ceil(this.stored / BLOCK);
    let before = 0;
    for (let block = 0; block < blocks && rows.length < count; block++) {
      const size = Math.min(BLOCK, this.stored - block * BLOCK),
        gone = this.deleted[block] ?? 0;
      const live = size - gone,
        start = Math.max(0, first - before);
      before += live;
      if (start >= live) continue;
      const places = gone ? await this.live(block, size) : null;
      for (let i = start; i < live && rows.length < count; i++)
        rows.push(block * BLOCK + (places ? places[i] : i));
    }
    return rows;
  }

  // Return the live rows of a block in which some are deleted, counted from its start.
  async live(block, size) {
    const [marks] = await this.arrays.get("sample.deleted").chunks([[block]]);
    const places = [];
    for (let i = 0; i < size; i++) if (!marks?.[i]) places.push(i);
    need(places.length === size - this.deleted[block], "another number of rows is deleted than a table says");
    return places;
  }

  async isDeleted(row) {
    const block = Math.floor(row / BLOCK);
    if (!this.deleted[block]) return false;
    const [marks] = await this.arrays.get("sample.deleted").chunks([[block]]);
    return Boolean(marks?.[row % BLOCK]);
  }

  /** Return the keys of stored rows: integers, texts or lists of them. */
  async keys(rows) {
    const found = Array.from(await this.arrays.get("sample").rows(rows));
    if (this.about.keys === "tuple") return found.map((key) => parseJson(new TextEncoder().encode(key)));
    return found;
  }

  /** Return the cells of a column in stored rows: null where a sample is missing. */
  async cells(name, rows) {
    const array = this.arrays.get(name),
      column = array.node.column;
    const read = KINDS[column.kind];
    if (!read) throw new UnknownError(`columns of the kind ${column.kind}`);
    const valid = column.optional ? this.arrays.get(`${name}.valid`).rows(rows) : null;
    const shapes = column.kind === "ragged" ? this.arrays.get(`${name}.shape`).rows(rows) : null;
    const [values, isThere, lengths] = await Promise.all([array.rows(rows), valid, shapes]);
    return rows.map((_, i) => (isThere && !isThere[i] ? null : read(array, values, i, lengths)));
  }

  /** Return the stored row of the live sample with a key, or null. */
  async find(key) {
    const stored =
      this.about.keys === "tuple" ? canonicalJson(key) : this.about.keys === "int" ? BigInt(key) : key;
    const sample = this.arrays.get("sample"),
      [length] = sample.chunkShape;
    const chunks =
      this.stored > INDEXED
        ? await this.candidates(stored)
        : Array.from({ length: Math.ceil(this.stored / length) }, (_, i) => i);
    for (const chunk of chunks) {
      const values = (await sample.chunks([[chunk]]))[0];
      for (let i = 0; i < length && chunk * length + i < this.stored; i++) {
        const row = chunk * length + i;
        if ((values ? values[i] : sample.fill) === stored && !(await this.isDeleted(row))) return row;
      }
    }
    return null;
  }

  // Return the chunks of `sample` that may hold a key, as the index of keys tells.
  async candidates(key) {
    const mark = markOf(`${key}`),
      count = Math.ceil(this.stored / ROWS_PER_BUCKET);
    const most = 2n ** BigInt(Math.ceil(Math.log2(count))),
      upper = mark / 256n;
    const bucket = upper % most < BigInt(count) ? upper % most : upper % (most / 2n);
    const index = this.arrays.get("sample.index");
    need(index && index.shape[0] === count, "a table has no index of keys");
    const [bytes] = await index.rows([Number(bucket)]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      entries = bytes.length / 12,
      found = [];
    need(Number.isInteger(entries), "a bucket of keys has another length");
    for (let i = 0; i < entries; i++) {
      if (view.getBigUint64(8 * i, true) === mark) found.push(view.getUint32(8 * entries + 4 * i, true));
    }
    return found;
  }
}

/** Return the names of the classes that a column's integers number, or null. */
export function classNames(array) {
  const names = array.metadata.attributes?.classes;
  const isNumber = /^u?int[0-9]+$/.test(array.dtype.name) && array.shape.length === 1;
  return isNumber && Array.isArray(names) && names.every((name) => typeof name === "string") ? names : null;
}

function markOf(name) {
  let low = 0;
  const digits = [...name.matchAll(/[0-9]/g)].slice(-2);
  if (digits.length === 2) {
    low = 10 * Number(digits[0][0]) + Number(digits[1][0]);
    const [first, second] = digits.map((found) => found.index);
    name = `${name.slice(0, first)}0${name.slice(first + 1, second)}0${name.slice(second + 1)}`;
  }
  return BigInt(`0x${blake3(new TextEncoder().encode(name)).slice(0, 14)}`) * 256n + BigInt(low);
}

/** What a cell holds: its kind, and elements with their shape, or bytes, or text. */
const KINDS = {
  ndarray: (array, values, i) => {
    const shape = array.shape.slice(1),
      step = shape.reduce((a, b) => a * b, 1);
    const names = shape.length ? null : classNames(array),
      own = values.slice(i * step, (i + 1) * step);
    return { kind: "ndarray", dtype: array.dtype, shape, values: own, className: names?.[Number(own[0])] };
  },
  ragged: (array, values, i, lengths) => {
    const { dtype: stored, shape: axes } = array.node.column,
      dtype = dtypeOf(stored),
      rank = axes.length;
    let shape = Array.from(lengths.slice(i * rank, (i + 1) * rank), Number);
    if (shape.every((n) => n === 0)) shape = axes.map((n) => n ?? 0);
    const count = shape.reduce((a, b) => a * b, 1);
    need(count * dtype.size === values[i].length, "a sample's bytes do not fit its shape");
    return { kind: "ndarray", dtype, shape, values: elementsOf(values[i], dtype, count, true) };
  },
  text: (_array, values, i) => ({ kind: "text", text: values[i] }),
  texts: (_array, values, i) => ({ kind: "texts", texts: values[i].length ? parseJson(values[i]) : [] }),
  bytes: (_array, values, i) => ({ kind: "bytes", bytes: values[i] }),
  image: (_array, values, i) => ({ kind: "image", bytes: values[i] }),
  audio: (_array, values, i) => ({ kind: "audio", bytes: values[i] }),
};
