// Print all that the page's reader finds in commits of a repository in a directory, as JSON.
// Usage: node read_all.mjs SOURCE DIRECTORY REVISION...

import fs from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { everythingIn } from "./everything.mjs";

const [source, root, ...revisions] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(source, name)));
const modules = {};
for (const name of ["repository.js", "arrays.js", "tables.js", "tree.js"])
  Object.assign(modules, await load(name));

async function read(name, range) {
  try {
    const bytes = await fs.readFile(path.join(root, name));
    return new Uint8Array(range ? bytes.subarray(range[0], range[0] + range[1]) : bytes);
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

const all = everythingIn(modules, read, (bytes) => Buffer.from(bytes).toString("base64"));
const answers = [];
for (const revision of revisions) answers.push(await all(revision));
console.log(JSON.stringify(answers));
