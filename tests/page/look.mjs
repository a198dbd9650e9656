// Print what the page finds of keys, changes and requests in a repository in a directory.
// Usage: node look.mjs SOURCE DIRECTORY QUESTION ARGUMENT...

import fs from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [source, root, question, ...given] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(source, name)));
const { Repository } = await load("repository.js");
const { Table } = await load("tables.js");
const { nodeAt } = await load("tree.js");
const { changedNodes, changedSamples, differing } = await load("changes.js");
const { canonicalJson } = await load("json.js");

// Requests, and the rounds of them: how many had to wait for another one.
let requests = 0,
  finished = 0,
  nbytes = 0;
async function read(name, range) {
  const depth = finished + 1;
  requests += 1;
  await new Promise((resolve) => setTimeout(resolve, 30));
  try {
    const bytes = await fs.readFile(path.join(root, name));
    const found = new Uint8Array(range ? bytes.subarray(range[0], range[0] + range[1]) : bytes);
    nbytes += found.length;
    return found;
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  } finally {
    finished = Math.max(finished, depth);
  }
}

const repository = new Repository(read);
const commitOf = async (name) => (await repository.find(name)).commit;
const keyed = (key) =>
  typeof key === "bigint" ? String(key) : typeof key === "object" ? canonicalJson(key) : key;

const ANSWERS = {
  async rows(revision, at, keys) {
    const table = await Table.open(
      repository,
      await nodeAt(repository, (await commitOf(revision)).value.tree, at),
    );
    return Promise.all(JSON.parse(keys).map((key) => table.find(key)));
  },
  async page(revision, at, first, count) {
    const table = await Table.open(
      repository,
      await nodeAt(repository, (await commitOf(revision)).value.tree, at),
    );
    const rows = await table.rowsAt(Number(first), Number(count));
    const all = [
      ...table.names.map((name) => table.cells(name, rows)),
      ...(table.keyed ? [table.keys(rows)] : []),
    ];
    await Promise.all(all);
    return { rows, requests, rounds: finished, nbytes };
  },
  async changes(from, to) {
    const [before, after] = [await commitOf(from), await commitOf(to)],
      found = {};
    for await (const change of changedNodes(repository, before.value.tree, after.value.tree)) {
      if (!change.before?.table || !change.after?.table) {
        found[change.path] = null;
        continue;
      }
      const changes = await changedSamples(repository, change.before, change.after);
      const changed = await differing(changes, [...changes.suspects.keys()]);
      found[change.path] = {
        added: changes.added.map(({ key, after: row }) => keyed(key ?? row)),
        removed: changes.removed.map(({ key, before: row }) => keyed(key ?? row)),
        changed: Object.fromEntries(
          changed.map(({ key, after: row, columns }) => [keyed(key ?? row), columns]),
        ),
      };
    }
    return found;
  },
};
console.log(JSON.stringify(await ANSWERS[question](...given)));
