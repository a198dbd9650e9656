// What differs between two commits, as pairs of samples.

import { changedNodes, changedSamples, differing, equalCells } from "./changes.js";
import { at, counted, grid, h, shown } from "./dom.js";
import { picture } from "./pictures.js";
import { canonicalJson } from "./json.js";
import { whyNot } from "./views.js";

const SHOWN = 50,
  MOST_NODES = 200,
  STEP = 200;

/** The changes from one commit to another. */
export async function comparison(repository, from, to) {
  const parts = [h("h2", {}, "Changes from ", link(from), " to ", link(to))];
  let count = 0;
  for await (const change of changedNodes(repository, from.value.tree, to.value.tree)) {
    if (++count > MOST_NODES) {
      parts.push(h("p", {}, `More than ${MOST_NODES} tables and arrays differ.`));
      break;
    }
    parts.push(await changeOf(repository, change, from, to));
  }
  if (count === 0) parts.push(h("p", {}, "Nothing differs."));
  return parts;
}

function link(commit) {
  return h("a", { href: at("commit", commit.digest) }, commit.digest.slice(0, 12));
}

async function changeOf(repository, { path, before, after }, from, to) {
  const title = h("h3", {}, shown(path || "/"));
  if (!before || !after) return h("section", {}, title, h("p", {}, before ? "deleted" : "added"));
  if (!before.table || !after.table)
    return h(
      "section",
      {},
      title,
      h(
        "p",
        {},
        "an array that differs: ",
        h("a", { href: at("array", from.digest, path) }, "before"),
        ", ",
        h("a", { href: at("array", to.digest, path) }, "after"),
      ),
    );
  try {
    return h(
      "section",
      {},
      title,
      await samplesOf(await changedSamples(repository, before, after), from, to, path),
    );
  } catch (error) {
    return h("section", {}, title, h("p", { class: "refused" }, whyNot(error)));
  }
}

async function samplesOf(changes, from, to, path) {
  const suspects = [...changes.suspects.keys()],
    changed = [];
  let looked = 0;
  for (; looked < suspects.length && changed.length < SHOWN; looked += STEP) {
    changed.push(...(await differing(changes, suspects.slice(looked, looked + STEP))));
  }
  const isAll = looked >= suspects.length,
    { added, removed, columns } = changes;
  const words = [
    [counted(added.length, "sample"), "added", added.length],
    [counted(removed.length, "sample"), "removed", removed.length],
    [
      isAll ? counted(changed.length, "sample") : `${changed.length} or more samples`,
      "changed",
      changed.length,
    ],
    [columns.added.map((name) => shown(name)).join(", "), "new columns", columns.added.length],
    [columns.removed.map((name) => shown(name)).join(", "), "columns gone", columns.removed.length],
  ]
    .filter(([, , count]) => count)
    .map(([what, verb]) => `${what} ${verb}`);
  return [
    h("p", {}, words.join("; ") || "no sample differs"),
    await pairsOf(changes, changed.slice(0, SHOWN), from, to, path),
    await onlyIn(changes.right, added, "after", "added", to, path),
    await onlyIn(changes.left, removed, "before", "removed", from, path),
  ];
}

async function pairsOf({ left, right }, pairs, from, to, path) {
  if (!pairs.length) return null;
  const names = [...new Set(pairs.flatMap((pair) => pair.columns))];
  const sides = await Promise.all(
    names.map((name) =>
      Promise.all([
        left.cells(
          name,
          pairs.map((pair) => pair.before),
        ),
        right.cells(
          name,
          pairs.map((pair) => pair.after),
        ),
      ]),
    ),
  );
  const rows = pairs.map((pair, i) => [
    nameOf(pair, "after", to, path),
    ...names.map((name, k) => {
      const [before, after] = sides[k].map((cells) => cells[i]);
      if (equalCells(before, after)) return h("span", { class: "same" }, "same");
      return h(
        "div",
        { class: "pair" },
        h("del", {}, picture(before, `${name} before`)),
        h("span", { "aria-hidden": "true" }, "→"),
        h("ins", {}, picture(after, `${name} after`)),
      );
    }),
  ]);
  return grid("Samples that changed", ["sample", ...names.map((name) => shown(name))], rows);
}

async function onlyIn(table, all, side, verb, commit, path) {
  if (!all.length) return null;
  const few = all.slice(0, SHOWN / 5),
    rows = few.map((each) => each[side]);
  const cells = await Promise.all(table.names.map((name) => table.cells(name, rows)));
  return h(
    "details",
    {},
    h("summary", {}, `${counted(all.length, "sample")} ${verb}`),
    grid(
      `Samples ${verb}`,
      ["sample", ...table.names.map((name) => shown(name))],
      few.map((each, i) => [
        nameOf(each, side, commit, path),
        ...table.names.map((name, k) => picture(cells[k][i], name)),
      ]),
    ),
  );
}

function nameOf(pair, side, commit, path) {
  const name =
    pair.key === undefined
      ? `row ${pair[side]}`
      : Array.isArray(pair.key)
        ? canonicalJson(pair.key)
        : `${pair.key}`;
  return h("a", { href: at("sample", commit.digest, path, { row: pair[side] }) }, shown(name, 100));
}
