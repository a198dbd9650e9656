// What differs between two commits, by sample.

import { UnknownError } from "./errors.js";
import { canonicalJson } from "./json.js";
import { Table } from "./tables.js";
import { chunkRefs, childrenOf, isGroup } from "./tree.js";

const MOST_KEYS = 200_000,
  MOST_ROWS = 2 ** 21;

/** Yield the paths of arrays and tables that differ: `{path, before, after}`, null where there is none. */
export async function* changedNodes(repository, before, after, path = "") {
  if (before === after || same(before, after)) return;
  const isInner = (node) => node && isGroup(node) && !node.table;
  if ((before && !isInner(before)) || (after && !isInner(after))) {
    yield { path, before, after };
    return;
  }
  const [left, right] = await Promise.all(
    [before, after].map((node) => (node ? childrenOf(repository, node) : new Map())),
  );
  for (const name of [...new Set([...left.keys(), ...right.keys()])].sort()) {
    yield* changedNodes(
      repository,
      left.get(name) ?? null,
      right.get(name) ?? null,
      path ? `${path}/${name}` : name,
    );
  }
}

function same(before, after) {
  return Boolean(before && after) && texted(before) === texted(after);
}

function texted(node) {
  return JSON.stringify(node, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}

/** What differs between two states of a table: rows of each side, and columns that differ. */
export async function changedSamples(repository, before, after) {
  const [left, right] = await Promise.all([Table.open(repository, before), Table.open(repository, after)]);
  const pairs = left.keyed && right.keyed ? await byKeys(left, right) : await byRows(left, right);
  const columns = {
    added: right.names.filter((name) => !left.names.includes(name)),
    removed: left.names.filter((name) => !right.names.includes(name)),
    both: right.names.filter((name) => left.names.includes(name)),
  };
  const suspects = new Map();
  for (const name of columns.both) {
    for (const part of [name, `${name}.valid`, `${name}.shape`]) {
      if (left.arrays.has(part) && right.arrays.has(part))
        await suspect(repository, left, right, part, name, pairs.common, suspects);
    }
  }
  return { left, right, columns, ...pairs, suspects };
}

async function byKeys(left, right) {
  if (left.length + right.length > MOST_KEYS)
    throw new UnknownError(
      `a comparison of more than ${MOST_KEYS.toLocaleString("en")} keys here: \`vstore diff\``,
    );
  const [from, to] = await Promise.all(
    [left, right].map(async (table) => {
      const rows = await table.rowsAt(0, table.length),
        keys = rows.length ? await table.keys(rows) : [];
      return new Map(
        keys.map((key, i) => [
          typeof key === "object" ? canonicalJson(key) : `${key}`,
          { key, row: rows[i] },
        ]),
      );
    }),
  );
  const added = [],
    removed = [],
    common = [];
  for (const [name, { key, row }] of to) {
    if (from.has(name)) common.push({ key, before: from.get(name).row, after: row });
    else added.push({ key, after: row });
  }
  for (const [name, { key, row }] of from) if (!to.has(name)) removed.push({ key, before: row });
  return { added, removed, common };
}

async function byRows(left, right) {
  const related = left.about.id === right.about.id && (left.about.layout ?? 0) === (right.about.layout ?? 0);
  if (!related) throw new UnknownError("a comparison of tables whose rows were laid out anew: `vstore diff`");
  if (Math.max(left.length, right.length) > MOST_ROWS)
    throw new UnknownError("a comparison of so many rows here: `vstore diff`");
  const [from, to] = await Promise.all([left, right].map((table) => table.rowsAt(0, table.length)));
  const old = new Set(from),
    now = new Set(to);
  return {
    added: to.filter((row) => !old.has(row)).map((row) => ({ after: row })),
    removed: from.filter((row) => !now.has(row)).map((row) => ({ before: row })),
    common: to.filter((row) => old.has(row)).map((row) => ({ before: row, after: row })),
  };
}

// Add the samples of which a column's array is not stored alike: they may differ.
async function suspect(repository, left, right, part, name, common, suspects) {
  const sides = [left.arrays.get(part), right.arrays.get(part)],
    [a, b] = sides;
  const form = ({ metadata: { codecs, data_type: type, fill_value: fill } }) => texted([codecs, type, fill]);
  const alike = a.chunkShape[0] === b.chunkShape[0] && form(a) === form(b);
  const refs = alike ? await Promise.all(sides.map((array) => rowChunks(repository, array))) : null;
  for (const pair of common) {
    const [from, to] = [Math.floor(pair.before / a.chunkShape[0]), Math.floor(pair.after / b.chunkShape[0])];
    const moved = pair.before % a.chunkShape[0] !== pair.after % b.chunkShape[0];
    if (refs && !moved && refs[0].get(from) === refs[1].get(to)) continue;
    if (!suspects.has(pair)) suspects.set(pair, new Set());
    suspects.get(pair).add(name);
  }
}

// Return what stands for the chunks that hold each run of rows.
async function rowChunks(repository, array) {
  const count = Math.ceil(array.shape[0] / array.chunkShape[0]),
    wide = array.shape.slice(1).some((n, i) => n > array.chunkShape[i + 1]);
  if (wide) return new Map(Array.from({ length: count }, (_, i) => [i, {}]));
  const found = await chunkRefs(
    repository,
    array.node,
    Array.from({ length: count }, (_, i) => i),
  );
  return new Map(
    [...found].map(([i, ref]) => [
      i,
      [ref.digest, ...ref.patches.map((patch) => patch.digest + patch.rows)].join(),
    ]),
  );
}

/** Return those of some pairs that differ, with the columns in which they do. */
export async function differing(changes, pairs) {
  const { left, right, suspects } = changes,
    found = new Map();
  const names = [...new Set(pairs.flatMap((pair) => [...(suspects.get(pair) ?? [])]))];
  await Promise.all(
    names.map(async (name) => {
      const mine = pairs.filter((pair) => suspects.get(pair)?.has(name));
      const [before, after] = await Promise.all([
        left.cells(
          name,
          mine.map((pair) => pair.before),
        ),
        right.cells(
          name,
          mine.map((pair) => pair.after),
        ),
      ]);
      mine.forEach((pair, i) => {
        if (!equalCells(before[i], after[i])) found.set(pair, [...(found.get(pair) ?? []), name]);
      });
    }),
  );
  return pairs
    .filter((pair) => found.has(pair))
    .map((pair) => ({ ...pair, columns: found.get(pair).sort() }));
}

/** Return whether two cells hold the same. */
export function equalCells(a, b) {
  if (a === null || b === null) return a === b;
  if (a.kind !== b.kind) return false;
  if (a.kind === "text") return a.text === b.text;
  if (a.kind === "texts") return canonicalJson(a.texts) === canonicalJson(b.texts);
  if (a.bytes) return a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i]);
  return (
    `${a.shape}` === `${b.shape}` &&
    a.dtype.name === b.dtype.name &&
    Array.from(a.values).every((value, i) => equalElements(value, b.values[i]))
  );
}

function equalElements(a, b) {
  if (a instanceof Uint8Array) return a.length === b.length && a.every((byte, i) => byte === b[i]);
  if (Array.isArray(a)) return a.every((each, i) => Object.is(each, b[i]));
  return Object.is(a, b);
}
