// Groups, arrays and the chunks of arrays: sections 7 and 8 of the stored format.

import { blake3, hexOf } from "./blake3.js";
import { MissingError, UnknownError, need } from "./errors.js";
import { fromBase64 } from "./dtypes.js";

const SLOTS = 512,
  MOST_HEIGHT = 6,
  MOST_BUCKETS = 16,
  MOST_PATCHES = 64;
const MOST_CHILDREN = 20_000;

/** Return the children of a group, by their names: some of them, where there are very many. */
export async function childrenOf(repository, group) {
  const found = new Map();
  await gather(repository, group, found, 0);
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function gather(repository, holder, found, level) {
  need("children" in holder !== "buckets" in holder, "a group has children and buckets, or neither");
  const loaded = await Promise.all(
    Object.entries(holder.children ?? {}).map(async ([name, child]) => [
      name,
      "ref" in child ? await repository.part(child.ref) : child,
    ]),
  );
  for (const [name, node] of loaded) found.set(name, node);
  need(level <= MOST_BUCKETS, "buckets nest too deep");
  for (const ref of Object.values(holder.buckets ?? {})) {
    if (found.size >= MOST_CHILDREN) break;
    await gather(repository, await repository.part(ref), found, level + 1);
  }
}

/** Return the node at a path, or throw `MissingError`. */
export async function nodeAt(repository, root, path) {
  let node = root;
  for (const name of path.split("/").filter(Boolean)) {
    node = await childOf(repository, node, name);
    if (!node) throw new MissingError(`there is nothing at ${path}`);
  }
  return node;
}

async function childOf(repository, group, name) {
  const digest = blake3(new TextEncoder().encode(name));
  let holder = group;
  for (let level = 0; holder?.buckets; level++) {
    need(level < MOST_BUCKETS, "buckets nest too deep");
    const ref = holder.buckets[digest[level]];
    holder = ref && (await repository.part(ref));
  }
  const child = holder?.children && Object.hasOwn(holder.children, name) ? holder.children[name] : null;
  return child && ("ref" in child ? repository.part(child.ref) : child);
}

/** Return whether a node is a group. */
export function isGroup(node) {
  return node.metadata.node_type !== "array";
}

/** Return the number of the chunk at some coordinates. */
export function chunkNumber(coordinates, shape, chunkShape) {
  let number = 0;
  coordinates.forEach((at, axis) => {
    const count = Math.ceil(shape[axis] / chunkShape[axis]);
    if (axis > 0) number *= 2 ** Math.ceil(Math.log2(Math.max(1, count)));
    number += at;
  });
  return number;
}

/** Return where chunks lie, by their numbers; those that are all fill value are left out. */
export async function chunkRefs(repository, node, numbers) {
  const found = new Map();
  if (!node.chunks) return found;
  const { height } = node.chunks;
  need(Number.isInteger(height) && height >= 0 && height <= MOST_HEIGHT, "an index has no height");
  const page = "ref" in node.chunks ? await repository.part(node.chunks.ref) : node.chunks.page;
  await look(
    repository,
    page,
    height,
    numbers.map((number) => [number, number]),
    found,
  );
  return found;
}

// Look numbers up in a page; each goes with the place that is left of it within the page.
async function look(repository, page, height, numbers, found) {
  const places = placesOf(page),
    span = SLOTS ** height,
    below = new Map();
  const leaf = height === 0 ? leafOf(page, places) : null;
  for (const [number, rest] of numbers) {
    const slot = Math.floor(rest / span);
    if (slot >= SLOTS || !places.has(slot)) continue;
    if (leaf) found.set(number, leaf[places.get(slot)]);
    else below.set(slot, [...(below.get(slot) ?? []), [number, rest - slot * span]]);
  }
  await Promise.all(
    [...below].map(async ([slot, inside]) => {
      const digest = digestAt(page, places.get(slot));
      await look(repository, await repository.part([digest]), height - 1, inside, found);
    }),
  );
}

// Return where each occupied slot stands in a page's lists.
function placesOf(page) {
  const places = new Map();
  let last = -1;
  for (const [first, count] of page.at) {
    need(first > last && count > 0 && first + count <= SLOTS, "a page's slots are out of order");
    for (let slot = first; slot < first + count; slot++) places.set(slot, places.size);
    last = first + count - 1;
  }
  need(places.size > 0 && page.nbytes.length === places.size, "a page's lists differ in length");
  return places;
}

function digestAt(page, at) {
  const bytes = fromBase64(page.digests);
  need(bytes.length === 32 * page.nbytes.length, "a page's lists differ in length");
  return hexOf(bytes.subarray(32 * at, 32 * at + 32));
}

function leafOf(page, places) {
  if (page.sources?.length) throw new UnknownError("chunks that stay in files elsewhere");
  const refs = [],
    bytes = fromBase64(page.digests);
  need(bytes.length === 32 * places.size, "a page's lists differ in length");
  for (const [which, start, count] of page.extents) {
    const [pack, length] = page.packs[which] ?? [];
    let offset = start;
    for (let i = 0; i < count; i++) {
      const nbytes = page.nbytes[refs.length],
        at = 32 * refs.length;
      need(offset + nbytes <= length, "a chunk lies outside its pack");
      refs.push({ pack, offset, nbytes, digest: hexOf(bytes.subarray(at, at + 32)), patches: [] });
      offset += nbytes;
    }
  }
  need(refs.length === places.size, "a page's lists differ in length");
  for (const [chunk, rows, which, offset, nbytes, digest] of page.patches ?? []) {
    const [pack, length] = page.packs[which] ?? [],
      of = refs[chunk];
    need(
      of && offset + nbytes <= length && of.patches.length < MOST_PATCHES,
      "a patch lies outside its pack",
    );
    of.patches.push({ pack, offset, nbytes, digest, rows: rowsOf(rows) });
  }
  return refs;
}

function rowsOf(runs) {
  const rows = [];
  for (const [first, count] of runs) {
    need(count > 0 && (rows.length === 0 || first > rows.at(-1)), "the rows of a patch are out of order");
    for (let row = first; row < first + count; row++) rows.push(row);
  }
  return rows;
}
