// A repository in a bucket, read without a server: everything but branches is verified.

import { blake3 } from "./blake3.js";
import { DamagedError, MissingError, UnknownError, need } from "./errors.js";
import { canonicalJson, parseJson } from "./json.js";

const MOST_STEPS = 16,
  MOST_PARENTS = 1024,
  MOST_GAP = 2 ** 16,
  MOST_RANGE = 2 ** 23;
const MOST_KEPT = 64 * 2 ** 20;
const DIGEST = /^[0-9a-f]{64}$/;
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/;

/** The last things that were read, bounded by their bytes. */
export class Kept {
  constructor(most = MOST_KEPT) {
    this.most = most;
    this.nbytes = 0;
    this.found = new Map();
  }

  // Return what a name stands for; made by a function once, also while that is under way.
  get(name, make, sizeOf) {
    const kept = this.found.get(name);
    if (kept) {
      this.found.delete(name);
      this.found.set(name, kept);
      return kept.value;
    }
    const entry = { value: null, nbytes: 0 };
    entry.value = make().then(
      (value) => {
        this.count(entry, sizeOf(value));
        return value;
      },
      (error) => {
        this.found.delete(name);
        throw error;
      },
    );
    this.found.set(name, entry);
    return entry.value;
  }

  count(entry, nbytes) {
    entry.nbytes = nbytes;
    this.nbytes += nbytes;
    for (const [name, each] of this.found) {
      if (this.nbytes <= this.most) break;
      if (each === entry) continue;
      this.found.delete(name);
      this.nbytes -= each.nbytes;
    }
  }
}

/** What a branch, a tag or a digest stands for. */
export class Repository {
  // `read(name, range)` returns an object's bytes, or null where there is none; a range is
  // [start, bytes].
  constructor(read) {
    this.read = read;
    this.kept = new Kept();
    this.moves = new Map();
  }

  async document(name) {
    const bytes = await this.read(name);
    if (bytes === null) throw new MissingError(`there is no ${name}`);
    const value = parseJson(bytes);
    need(value && typeof value === "object" && !Array.isArray(value), `${name} is no object`);
    if (value.format !== 1) throw new UnknownError(`${name} is of a later version of the format`);
    const { check, ...rest } = value;
    need(check === blake3(new TextEncoder().encode(canonicalJson(rest))), `${name} is damaged`);
    return rest;
  }

  async immutable(name, digest) {
    need(DIGEST.test(digest), "a digest is none");
    const make = async () => {
      const bytes = await this.read(name);
      if (bytes === null) throw new MissingError(`there is no ${name}`);
      need(blake3(bytes) === digest, `${name} is damaged`);
      return parseJson(bytes);
    };
    // What is parsed takes some times as much as its text.
    return this.kept.get(name, make, (value) => 1000 + 4 * JSON.stringify(value, plainly).length);
  }

  part([digest]) {
    need(typeof digest === "string" && DIGEST.test(digest), "a digest is none");
    return this.immutable(`index/${digest.slice(0, 2)}/${digest}.json`, digest);
  }

  async commit(digest) {
    return commitOf(await this.immutable(`commits/${digest}.json`, digest), digest);
  }

  /** Return the commit that a name stands for, and what the name is. */
  async find(name, kinds = ["branches", "tags"]) {
    if (DIGEST.test(name)) return { kind: "commit", commit: await this.commit(name) };
    for (const kind of kinds) {
      let ref;
      try {
        ref = await this.document(`refs/${kind}/${escapedName(name)}.json`);
      } catch (error) {
        if (error instanceof MissingError) continue;
        throw error;
      }
      if (ref.deleted) continue;
      need(ref.name === name, `the ref of ${name} is another one`);
      return { kind: kind === "branches" ? "branch" : "tag", commit: await this.head(ref) };
    }
    throw new MissingError(`there is no branch, tag or commit ${name}`);
  }

  async head(ref) {
    need(DIGEST.test(ref.commit), "a digest is none");
    if (typeof ref.head !== "string") return this.commit(ref.commit);
    const bytes = new TextEncoder().encode(ref.head);
    need(blake3(bytes) === ref.commit, "a branch's copy of its commit is damaged");
    return commitOf(parseJson(bytes), ref.commit);
  }

  /** Yield a commit and its first parents, reading up to ten at a time. */
  async *history(commit) {
    for (let line = [commit]; line.length;) {
      yield* line;
      const last = line.at(-1);
      const next = last.value.ancestors
        .slice(0, 10)
        .filter(([depth], i) => depth === last.value.depth - 1 - i);
      line = await Promise.all(next.map(([, digest]) => this.commit(digest)));
    }
  }

  /** Return the verified bytes of chunks, each `{pack, offset, nbytes, digest}`. */
  async chunks(refs) {
    const found = new Map(),
      byPack = new Map();
    for (const ref of refs) byPack.set(ref.pack, [...(byPack.get(ref.pack) ?? []), ref]);
    const reads = [...byPack].flatMap(([pack, all]) =>
      together(all).map(async ([start, end, inside]) => {
        const bytes = await this.range(pack, start, end - start);
        for (const ref of inside)
          found.set(ref, bytes.subarray(ref.offset - start, ref.offset - start + ref.nbytes));
      }),
    );
    await Promise.all(reads);
    return refs.map((ref) => {
      const bytes = found.get(ref);
      need(blake3(bytes) === ref.digest, "a chunk is damaged");
      return bytes;
    });
  }

  // Read a part of a pack, wherever it was moved to.
  async range(pack, start, nbytes) {
    for (let step = 0; step <= MOST_STEPS; step++) {
      need(DIGEST.test(pack), "a digest is none");
      const bytes = await this.read(`packs/${pack.slice(0, 2)}/${pack}`, [start, nbytes]);
      if (bytes !== null) {
        need(bytes.length === nbytes, "a pack ends too early");
        return bytes;
      }
      const moved = await this.document(`moved/${pack.slice(0, 2)}/${pack}.json`);
      need(moved.pack === pack, "a document says where another pack went");
      [pack, start] = placeIn(moved, start, nbytes);
    }
    throw new DamagedError("a pack was moved too often");
  }
}

function plainly(_name, value) {
  return typeof value === "bigint" ? `${value}` : value;
}

// Put chunks of one pack together that lie close to each other: [start, end, chunks].
function together(refs) {
  const groups = [];
  for (const ref of [...refs].sort((a, b) => a.offset - b.offset)) {
    const last = groups.at(-1),
      end = ref.offset + ref.nbytes;
    if (last && ref.offset - last[1] <= MOST_GAP && end - last[0] <= MOST_RANGE) {
      last[1] = Math.max(last[1], end);
      last[2].push(ref);
    } else groups.push([ref.offset, end, [ref]]);
  }
  return groups;
}

function placeIn(moved, start, nbytes) {
  let before = 0;
  for (const [offset, length] of moved.runs) {
    if (offset <= start && start + nbytes <= offset + length) return [moved.into[0], before + start - offset];
    before += length;
  }
  throw new DamagedError("a chunk was left out when its pack was moved");
}

const MEMBERS = [
  "ancestors",
  "author",
  "changes",
  "depth",
  "features",
  "format",
  "generation",
  "message",
  "metadata",
  "parents",
  "time",
  "tree",
];

function commitOf(value, digest) {
  if (value.format !== 1) throw new UnknownError("a commit of a later version of the format");
  need(
    MEMBERS.every((name) => name in value),
    "a commit is not whole",
  );
  if (value.features.length) throw new UnknownError(`the features ${value.features.join(", ")}`);
  const depths = [value.depth, ...value.ancestors.map(([depth]) => depth)];
  need(
    depths.every((depth, i) => i === 0 || depth < depths[i - 1]) && depths.at(-1) === 0,
    "a commit's ancestors are out of order",
  );
  need(
    value.parents.length <= MOST_PARENTS &&
      [...value.parents, ...value.ancestors.map((pair) => pair[1])].every((each) => DIGEST.test(each)),
    "a commit has no parent where it says so",
  );
  return { digest, value };
}

/** Return the name of a branch or tag as it stands in an object's name. */
export function escapedName(name) {
  need(
    name.length > 0 &&
      name.length <= 200 &&
      !INVISIBLE.test(name) &&
      !name.split("/").some((part) => !part || part.startsWith(".")),
    "a name of a branch or tag is none",
  );
  return Array.from(new TextEncoder().encode(name), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9/\-_.+=,]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}
