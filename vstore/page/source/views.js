// The views of a commit: what is in it, its history, tables, samples and arrays.

import { ZarrArray } from "./arrays.js";
import { textOf } from "./dtypes.js";
import { at, counted, grid, h, shown, sized } from "./dom.js";
import { bars, heat, picture, rangeOf, withClass } from "./pictures.js";
import { canonicalJson, parseJson } from "./json.js";
import { Table, classNames } from "./tables.js";
import { childrenOf, isGroup, nodeAt } from "./tree.js";

const PAGE = 50,
  LOGGED = 50,
  LISTED_NODES = 500,
  MOST_STATISTICS = 2_000_000,
  BINS = 20;

/** Return a card that says who made a commit, when and why. */
export function card(commit) {
  const { author, time, message, parents } = commit.value,
    [title, ...rest] = message.split("\n");
  return h(
    "section",
    { class: "card" },
    h("h2", {}, shown(title || "(no message)")),
    rest.join("\n").trim() ? h("pre", {}, shown(rest.join("\n").trim())) : null,
    h("p", {}, `${shown(author.name)}, ${when(time)}`),
    h("p", {}, h("code", {}, commit.digest)),
    h(
      "p",
      {},
      h("a", { href: at("log", commit.digest) }, "History"),
      parents.map((parent, i) => [
        " · ",
        h(
          "a",
          { href: at("diff", commit.digest, "", { from: parent }) },
          parents.length > 1 ? `Changes to parent ${i + 1}` : "Changes",
        ),
      ]),
    ),
  );
}

function when(time) {
  return shown(time.replace("T", " ").replace(/\.[0-9]+Z$/, " UTC"));
}

/** What a commit holds. */
export async function overview(repository, commit) {
  const rows = [];
  await list(repository, commit, commit.value.tree, "", rows);
  return [
    card(commit),
    rows.length
      ? grid("Tables and arrays", ["Path", "What", "Size"], rows)
      : h("p", {}, "There is nothing in it."),
    rows.length >= LISTED_NODES ? h("p", {}, `The first ${LISTED_NODES} are listed.`) : null,
  ];
}

async function list(repository, commit, group, path, rows) {
  const children = await childrenOf(repository, group);
  for (const [name, node] of children) {
    if (rows.length >= LISTED_NODES) return;
    const place = path ? `${path}/${name}` : name;
    if (!isGroup(node)) {
      const { shape, data_type: type } = node.metadata;
      rows.push([
        h("a", { href: at("array", commit.digest, place) }, shown(place)),
        `array (${shape.join(", ")}) of ${shown(type.name ?? type)}`,
        sized(node.chunks?.stored ?? 0),
      ]);
    } else if (node.table) {
      const table = await Table.open(repository, node),
        stored = [...table.arrays.values()].reduce((sum, array) => sum + (array.node.chunks?.stored ?? 0), 0);
      rows.push([
        h("a", { href: at("table", commit.digest, place) }, shown(place)),
        `table of ${counted(table.length, "sample")}: ${shown(table.names.join(", "), 300)}`,
        sized(stored),
      ]);
    } else await list(repository, commit, node, place, rows);
  }
}

/** The commits before a commit, along its first parents. */
export async function log(repository, commit) {
  const rows = [];
  let next = null;
  for await (const each of repository.history(commit)) {
    if (rows.length === LOGGED) {
      next = each;
      break;
    }
    const { message, author, time } = each.value;
    rows.push([
      h("a", { href: at("commit", each.digest) }, h("code", {}, each.digest.slice(0, 12))),
      shown(message.split("\n")[0], 200),
      shown(author.name),
      when(time),
    ]);
  }
  return [
    h("h2", {}, "History"),
    grid("Commits", ["Commit", "Message", "Author", "Time"], rows),
    next ? h("p", {}, h("a", { href: at("log", next.digest), rel: "next" }, "Older commits")) : null,
  ];
}

function keyText(key) {
  return Array.isArray(key) ? canonicalJson(key) : `${key}`;
}

/** A page of a table's samples. */
export async function tablePage(repository, commit, path, options) {
  const table = await Table.open(repository, await nodeAt(repository, commit.value.tree, path));
  const pages = Math.max(1, Math.ceil(table.length / PAGE)),
    page = Math.min(pages, Math.max(1, Number(options.get("page")) || 1));
  const first = (page - 1) * PAGE,
    rows = await table.rowsAt(first, PAGE);
  const [keys, ...columns] = await Promise.all([
    table.keyed && rows.length ? table.keys(rows) : rows.map((_, i) => first + i),
    ...table.names.map((name) => cellsOrWhy(table, name, rows)),
  ]);
  const body = rows.map((row, i) => [
    h("a", { href: at("sample", commit.digest, path, { row }) }, shown(keyText(keys[i]), 100)),
    ...table.names.map((name, k) => cellOf(columns[k], i, `${name} of ${keyText(keys[i])}`)),
  ]);
  const heads = table.names.map((name) =>
    h("a", { href: at("column", commit.digest, path, { name }), title: "its distribution" }, shown(name)),
  );
  return [
    trail(commit, path),
    h("p", {}, counted(table.length, "sample")),
    finder(table, commit, path),
    grid(`Samples of ${shown(path)}`, [table.about.keys ? "key" : "position", ...heads], body),
    pager(commit, path, page, pages),
  ];
}

// A column that cannot be shown does not hide the others.
async function cellsOrWhy(table, name, rows) {
  try {
    return await table.cells(name, rows);
  } catch (error) {
    return error;
  }
}

function cellOf(cells, i, label, large = false) {
  if (cells instanceof Error) return h("span", { class: "refused" }, whyNot(cells));
  return picture(cells[i], label, large);
}

/** Return why something is not shown. */
export function whyNot(error) {
  const known = {
    UnknownError: "this page cannot show ",
    DamagedError: "damaged: ",
    MissingError: "not there: ",
  };
  return shown(`${known[error.constructor.name] ?? ""}${error.message}`, 300);
}

function trail(commit, path) {
  return h(
    "h2",
    {},
    h("a", { href: at("commit", commit.digest) }, commit.digest.slice(0, 12)),
    ` / ${shown(path)}`,
  );
}

function pager(commit, path, page, pages) {
  const link = (number, text, rel) =>
    number >= 1 && number <= pages
      ? h("a", { href: at("table", commit.digest, path, { page: number }), rel }, text)
      : null;
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages" },
    link(page - 1, "Previous", "prev"),
    h("span", {}, ` page ${page.toLocaleString("en")} of ${pages.toLocaleString("en")} `),
    link(page + 1, "Next", "next"),
  );
}

function finder(table, commit, path) {
  if (!table.keyed) return null;
  const input = h("input", {
      name: "key",
      "aria-label": "Key",
      placeholder: table.about.keys === "tuple" ? '["part", 1]' : "key",
    }),
    answer = h("output", {});
  const find = async (event) => {
    event.preventDefault();
    try {
      const row = await table.find(
        table.about.keys === "tuple" ? parseJson(new TextEncoder().encode(input.value)) : input.value,
      );
      if (row === null) answer.textContent = "no sample has this key";
      else location.hash = at("sample", commit.digest, path, { row });
    } catch (error) {
      answer.textContent = error instanceof SyntaxError ? "no such key" : whyNot(error);
    }
  };
  return h("form", { submit: find }, input, h("button", {}, "Find"), " ", answer);
}

/** All of one sample. */
export async function samplePage(repository, commit, path, options) {
  const table = await Table.open(repository, await nodeAt(repository, commit.value.tree, path)),
    row = Number(options.get("row"));
  if (!Number.isInteger(row) || row < 0 || row >= table.stored || (await table.isDeleted(row)))
    return [trail(commit, path), h("p", {}, "There is no such sample.")];
  const key = table.keyed ? keyText((await table.keys([row]))[0]) : `row ${row}`;
  const cells = await Promise.all(table.names.map((name) => cellsOrWhy(table, name, [row])));
  return [
    trail(commit, path),
    h("h3", {}, shown(key)),
    grid(
      `The sample ${shown(key)}`,
      ["column", "value"],
      table.names.map((name, i) => [shown(name), cellOf(cells[i], 0, `${name} of ${key}`, true)]),
    ),
  ];
}

/** How the values of a column are distributed. */
export async function columnPage(repository, commit, path, options) {
  const table = await Table.open(repository, await nodeAt(repository, commit.value.tree, path)),
    name = options.get("name");
  if (!table.names.includes(name)) return [trail(commit, path), h("p", {}, "There is no such column.")];
  const about = table.column(name),
    array = table.arrays.get(name),
    head = [
      trail(commit, path),
      h("h3", {}, shown(name)),
      h(
        "p",
        {},
        `${about.kind}${about.optional ? ", optional" : ""}, ${sized(array.node.chunks?.stored ?? 0)}`,
      ),
    ];
  const isScalar = about.kind === "ndarray" && array.shape.length === 1,
    isText = about.kind === "text";
  if (!isScalar && !isText) return [...head, h("p", {}, "Distributions are shown of numbers and texts.")];
  if (table.length > MOST_STATISTICS)
    return [...head, h("p", {}, `It has more than ${MOST_STATISTICS.toLocaleString("en")} values.`)];
  const cells = await table.cells(name, await table.rowsAt(0, table.length)),
    there = cells.filter((cell) => cell !== null);
  const missing = cells.length - there.length;
  return [
    ...head,
    missing ? h("p", {}, `${counted(missing, "sample")} missing`) : null,
    distribution(
      isText ? there.map((cell) => cell.text) : there.map((cell) => cell.values[0]),
      isText ? null : array.dtype,
      isText ? null : classNames(array),
    ),
  ];
}

function distribution(values, dtype, names) {
  const counts = new Map();
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (counts.size > 50 && dtype && typeof value === "number" && dtype.name.startsWith("float")) break;
  }
  const isFew = counts.size <= 50;
  if (isFew || !dtype?.Typed) {
    const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 50);
    return bars(
      most.map(([value, count]) => [
        dtype ? withClass(textOf(value, dtype) ?? "not a time", names?.[Number(value)]) : value,
        count,
      ]),
      isFew ? "How often each value comes" : "The values that come most often",
    );
  }
  const [low, high] = rangeOf(values),
    width = (high - low) / BINS || 1,
    bins = Array(BINS).fill(0);
  for (const value of values)
    if (Number.isFinite(Number(value)))
      bins[Math.min(BINS - 1, Math.floor((Number(value) - low) / width))] += 1;
  return bars(
    bins.map((count, i) => [
      `${(low + i * width).toPrecision(4)} to ${(low + (i + 1) * width).toPrecision(4)}`,
      count,
    ]),
    "How often values come",
  );
}

/** A plane of an array. */
export async function arrayPage(repository, commit, path, options) {
  const array = new ZarrArray(repository, await nodeAt(repository, commit.value.tree, path)),
    { shape } = array;
  const chosen = (options.get("at") ?? "").split(",").map(Number),
    axes = shape.slice(0, -2);
  const place = axes.map((length, axis) =>
    Math.min(Math.max(0, Math.trunc(chosen[axis]) || 0), Math.max(0, length - 1)),
  );
  const head = [
    trail(commit, path),
    h("p", {}, `(${shape.join(", ")}) of ${array.dtype.name}, chunks of (${array.chunkShape.join(", ")})`),
  ];
  if (shape.some((length) => length === 0)) return [...head, h("p", {}, "It is empty.")];
  const bounds = [
    ...place.map((index) => [index, index + 1]),
    ...shape.slice(-2).map((length) => [0, Math.min(length, 1024)]),
  ];
  const values = await array.region(bounds),
    plane = shape.slice(-2).map((length) => Math.min(length, 1024));
  const label = `${path}[${[...place, ...plane.map(() => ":")].join(", ")}]`;
  const view =
    plane.length === 2 && array.dtype.Typed
      ? heat({ dtype: array.dtype, shape: plane, values }, label, true)
      : picture({ kind: "ndarray", dtype: array.dtype, shape: plane, values }, label, true);
  const [low, high] = array.dtype.Typed ? rangeOf(values) : [null, null];
  return [
    ...head,
    axes.length ? chooser(commit, path, axes, place) : null,
    h(
      "figure",
      {},
      view,
      h("figcaption", {}, `${shown(label)}${low === null ? "" : `, from ${low} to ${high}`}`),
    ),
  ];
}

function chooser(commit, path, axes, place) {
  const inputs = axes.map((length, axis) =>
    h("input", {
      type: "number",
      min: 0,
      max: length - 1,
      value: place[axis],
      "aria-label": `Index along axis ${axis}`,
    }),
  );
  const go = (event) => {
    event.preventDefault();
    location.hash = at("array", commit.digest, path, { at: inputs.map((input) => input.value).join(",") });
  };
  return h("form", { submit: go }, inputs, h("button", {}, "Show"));
}
