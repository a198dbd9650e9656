// Print which of many compressed byte strings the page does not decode to what they stand for.
// Usage: node decode.mjs SOURCE FILE, where FILE holds a list of [codec, encoded, expected, digest].

import fs from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [source, file] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(source, name)));
const { blake3 } = await load("blake3.js");
const { unblosc, unlz4 } = await load("blosc.js");
const { unzstd } = await load("zstd.js");

const DECODERS = { blosc: unblosc, zstd: unzstd, lz4: (bytes, most) => unlz4(bytes.subarray(4), most) };
const wrong = [];
const cases = JSON.parse(await fs.readFile(file, "utf8"));
for (const [codec, encoded, expected, digest] of cases) {
  const [bytes, plain] = [encoded, expected].map((text) => new Uint8Array(Buffer.from(text, "base64")));
  if (blake3(plain) !== digest) wrong.push(["blake3", plain.length]);
  const found = await DECODERS[codec](bytes, plain.length);
  if (Buffer.compare(found, plain)) wrong.push([codec, plain.length]);
  if (plain.length < 2) continue;
  // A bound that is too small is a refusal, never more memory.
  try {
    await DECODERS[codec](bytes, plain.length - 1);
    wrong.push([codec, plain.length, "too long"]);
  } catch (error) {
    if (error.constructor.name !== "DamagedError") wrong.push([codec, plain.length, String(error)]);
  }
}
console.log(JSON.stringify({ cases: cases.length, wrong }));
