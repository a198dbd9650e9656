// Elements of arrays.

import { decodeChunk } from "./codecs.js";
import { dtypeOf, emptyValues, fillOf } from "./dtypes.js";
import { UnknownError, need } from "./errors.js";
import { Kept } from "./repository.js";
import { chunkNumber, chunkRefs } from "./tree.js";

const decoded = new WeakMap();

/** What an array is, of its metadata. */
export class ZarrArray {
  constructor(repository, node) {
    const { metadata } = node;
    need(
      metadata.node_type === "array" && metadata.chunk_grid?.name === "regular",
      "an array has no regular chunks",
    );
    this.repository = repository;
    this.node = node;
    this.metadata = metadata;
    this.shape = metadata.shape;
    this.chunkShape = metadata.chunk_grid.configuration.chunk_shape;
    need(this.chunkShape.length === this.shape.length, "an array's chunks have another number of axes");
  }

  get dtype() {
    return (this.knownType ??= dtypeOf(this.metadata.data_type));
  }

  get fill() {
    return (this.knownFill ??= fillOf(this.metadata.fill_value, this.dtype));
  }

  /** Return chunks at coordinates: each a list of elements, or null for one that is all fill value. */
  async chunks(all) {
    const numbers = all.map((at) => chunkNumber(at, this.shape, this.chunkShape));
    const refs = await chunkRefs(this.repository, this.node, [...new Set(numbers)]);
    return Promise.all(numbers.map((number) => (refs.has(number) ? this.chunk(refs.get(number)) : null)));
  }

  chunk(ref) {
    if (!decoded.has(this.repository)) decoded.set(this.repository, new Kept());
    const name = [
      ref.digest,
      ...ref.patches.map(({ digest }) => digest),
      JSON.stringify(this.metadata.codecs),
      JSON.stringify(this.metadata.data_type),
    ].join();
    const gather = (this.repository.gathered ??= new Gathered(this.repository));
    return decoded.get(this.repository).get(
      name,
      async () => {
        const [whole, ...patches] = await gather.read([ref, ...ref.patches]);
        const values = await decodeChunk(whole, this.metadata, this.chunkShape);
        const width = this.chunkShape.slice(1).reduce((a, b) => a * b, 1);
        for (let i = 0; i < patches.length; i++) {
          const { rows } = ref.patches[i];
          need(rows.at(-1) < this.chunkShape[0], "a patch has a row beyond its chunk");
          const over = await decodeChunk(patches[i], this.metadata, [
            rows.length,
            ...this.chunkShape.slice(1),
          ]);
          rows.forEach((row, k) => {
            for (let j = 0; j < width; j++) values[row * width + j] = over[k * width + j];
          });
        }
        return values;
      },
      (values) => values.byteLength ?? values.reduce((total, value) => total + 50 + (value.length ?? 0), 0),
    );
  }

  /** Return some rows, in the order asked for: one list of all their elements. */
  async rows(rows) {
    const [length] = this.chunkShape,
      width = this.chunkShape.slice(1).reduce((a, b) => a * b, 1);
    const tail = this.shape.slice(1),
      step = tail.reduce((a, b) => a * b, 1);
    if (width !== step || tail.some((n, i) => n !== this.chunkShape[i + 1])) return this.scattered(rows);
    const needed = [...new Set(rows.map((row) => Math.floor(row / length)))];
    const chunks = new Map();
    (await this.chunks(needed.map((at) => [at, ...tail.map(() => 0)]))).forEach((chunk, i) =>
      chunks.set(needed[i], chunk),
    );
    const out = emptyValues(this.dtype, rows.length * step);
    rows.forEach((row, i) => {
      const chunk = chunks.get(Math.floor(row / length)),
        from = (row % length) * step;
      for (let j = 0; j < step; j++) out[i * step + j] = chunk ? chunk[from + j] : this.fill;
    });
    return out;
  }

  async scattered(rows) {
    const step = this.shape.slice(1).reduce((a, b) => a * b, 1),
      out = emptyValues(this.dtype, rows.length * step);
    const parts = await Promise.all(
      rows.map((row) => this.region([[row, row + 1], ...this.shape.slice(1).map((n) => [0, n])])),
    );
    parts.forEach((part, i) => {
      for (let j = 0; j < step; j++) out[i * step + j] = part[j];
    });
    return out;
  }

  /** Return a region, `[start, stop]` for each axis: one list of its elements, in C order. */
  async region(bounds) {
    const shape = bounds.map(([start, stop]) => stop - start),
      size = shape.reduce((a, b) => a * b, 1);
    if (size > 2 ** 24) throw new UnknownError("a region of so many elements");
    const out = emptyValues(this.dtype, size).fill(this.fill);
    if (size === 0) return out;
    const grid = bounds.map(([start, stop], axis) => {
      const first = Math.floor(start / this.chunkShape[axis]),
        last = Math.floor((stop - 1) / this.chunkShape[axis]);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
    const places = grid.reduce((all, axis) => all.flatMap((each) => axis.map((at) => [...each, at])), [[]]);
    const chunks = await this.chunks(places);
    places.forEach((place, i) => {
      if (chunks[i]) this.copy(chunks[i], place, bounds, shape, out);
    });
    return out;
  }

  copy(chunk, place, bounds, shape, out) {
    const { chunkShape } = this;
    const walk = (axis, from, to) => {
      if (axis === shape.length) {
        out[to] = chunk[from];
        return;
      }
      const base = place[axis] * chunkShape[axis],
        [start, stop] = bounds[axis];
      for (let at = Math.max(start, base); at < Math.min(stop, base + chunkShape[axis]); at++) {
        walk(axis + 1, from * chunkShape[axis] + at - base, to * shape[axis] + at - start);
      }
    };
    walk(0, 0, 0);
  }
}

// Collects the chunks that are asked for at one time, so that those that lie together are read together.
class Gathered {
  constructor(repository) {
    this.repository = repository;
    this.waiting = [];
  }

  read(refs) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ refs, resolve, reject });
      if (this.waiting.length === 1) queueMicrotask(() => setTimeout(() => this.go(), 0));
    });
  }

  async go() {
    const all = this.waiting.splice(0);
    try {
      const found = await this.repository.chunks(all.flatMap(({ refs }) => refs));
      let at = 0;
      for (const { refs, resolve } of all) resolve(found.slice(at, (at += refs.length)));
    } catch (error) {
      for (const { reject } of all) reject(error);
    }
  }
}
