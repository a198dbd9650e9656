// JSON as strictly as section 2 of the stored format has it.

import { need } from "./errors.js";

const MOST_BYTES = 256 * 2 ** 20,
  MOST_LEVELS = 64;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\r\n]*/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Return what a document says; integers beyond 2^53 as BigInt. */
export function parseJson(bytes) {
  need(bytes.length <= MOST_BYTES, "a document is too long");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    need(false, "a document is not UTF-8");
  }
  return new Parser(text).document();
}

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  document() {
    const value = this.value(0);
    need(this.at === this.text.length, "there is something behind a document");
    return value;
  }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) return null;
    this.at = pattern.lastIndex;
    return found[0];
  }

  skip(character) {
    this.take(SPACE);
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    this.take(SPACE);
    return true;
  }

  value(level) {
    need(level <= MOST_LEVELS, "a document nests too deep");
    this.take(SPACE);
    const { text, at } = this;
    let value;
    if (text[at] === "{") value = this.object(level + 1);
    else if (text[at] === "[") value = this.list(level + 1);
    else if (text[at] === '"') value = this.string();
    else value = this.word() ?? this.number();
    this.take(SPACE);
    return value === NULL ? null : value;
  }

  word() {
    for (const [name, value] of WORDS) {
      if (!this.text.startsWith(name, this.at)) continue;
      this.at += name.length;
      return value;
    }
    return undefined;
  }

  number() {
    const found = this.take(NUMBER);
    need(found, "a document is no JSON");
    if (/^-?[0-9]+$/.test(found)) {
      need(found.length <= 4300, "a number is too long");
      const value = Number(found);
      return Number.isSafeInteger(value) ? value : BigInt(found);
    }
    need(Number.isFinite(Number(found)), "a number is too large");
    return Number(found);
  }

  string() {
    this.at += 1;
    let value = "";
    for (;;) {
      value += this.take(PLAIN);
      const next = this.text[this.at++];
      if (next === '"') break;
      need(next === "\\", "a string does not end");
      value += this.escaped();
    }
    need(!LONE.test(value), "a string has half a character");
    return value;
  }

  escaped() {
    const next = this.text[this.at++];
    if (next !== "u") {
      need(Object.hasOwn(ESCAPES, next), "a string has an unknown escape");
      return ESCAPES[next];
    }
    const digits = this.text.slice(this.at, this.at + 4);
    need(/^[0-9a-fA-F]{4}$/.test(digits), "a string has an unknown escape");
    this.at += 4;
    return String.fromCharCode(parseInt(digits, 16));
  }

  list(level) {
    const value = [];
    this.skip("[");
    if (this.skip("]")) return value;
    do value.push(this.value(level));
    while (this.skip(","));
    need(this.skip("]"), "a list does not end");
    return value;
  }

  object(level) {
    const value = Object.create(null);
    this.skip("{");
    if (this.skip("}")) return value;
    do {
      need(this.text[this.at] === '"', "a member has no name");
      const name = this.string();
      need(!Object.hasOwn(value, name), "an object has two members of one name");
      need(this.skip(":"), "a member has no value");
      value[name] = this.value(level);
    } while (this.skip(","));
    need(this.skip("}"), "an object does not end");
    return value;
  }
}

const NULL = Symbol("null");
const WORDS = [
  ["true", true],
  ["false", false],
  ["null", NULL],
];

/** Return a value of objects, lists, strings, integers and words in canonical form. */
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "string") return canonicalString(value);
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return `${value}`;
  if (typeof value === "boolean" || value === null) return `${value}`;
  need(typeof value === "object", "a document has a number that no integer is");
  const names = Object.keys(value).sort(byCodePoints);
  return `{${names.map((name) => `${canonicalString(name)}:${canonicalJson(value[name])}`).join(",")}}`;
}

const SHORT = { '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function canonicalString(text) {
  const escape = (character) =>
    SHORT[character] ?? `\\u00${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return `"${text.replace(/["\\\u0000-\u001f]/g, escape)}"`;
}

/** Compare two texts by their code points, which UTF-16 does not. */
export function byCodePoints(a, b) {
  const left = Array.from(a),
    right = Array.from(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = left[i].codePointAt(0) - right[i].codePointAt(0);
    if (difference) return difference;
  }
  return left.length - right.length;
}
