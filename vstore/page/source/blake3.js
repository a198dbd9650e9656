// BLAKE3, the hash function by which everything but branches and tags is named.
// Source: https://github.com/BLAKE3-team/BLAKE3-specs

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const CHUNK_START = 1,
  CHUNK_END = 2,
  PARENT = 4,
  ROOT = 8;
const CHUNK_BYTES = 1024,
  BLOCK_BYTES = 64;

// Which word of the message each step of each of the seven rounds takes.
const SCHEDULE = (() => {
  const permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
  const all = [];
  let order = [...Array(16).keys()];
  for (let round = 0; round < 7; round++) {
    all.push(...order);
    order = permutation.map((i) => order[i]);
  }
  return Uint8Array.from(all);
})();

// Compress one block of 16 words from `words[at]` into the chaining value, in place.
function compress(cv, words, at, counter, length, flags) {
  let a = cv[0],
    b = cv[1],
    c = cv[2],
    d = cv[3],
    e = cv[4],
    f = cv[5],
    g = cv[6],
    h = cv[7];
  let i = IV[0] | 0,
    j = IV[1] | 0,
    k = IV[2] | 0,
    l = IV[3] | 0;
  let m = counter | 0,
    n = Math.floor(counter / 4294967296) | 0,
    o = length,
    p = flags;
  for (let step = 0; step < 112; step += 16) {
    a = (a + e + words[at + SCHEDULE[step]]) | 0;
    m ^= a;
    m = (m >>> 16) | (m << 16);
    i = (i + m) | 0;
    e ^= i;
    e = (e >>> 12) | (e << 20);
    a = (a + e + words[at + SCHEDULE[step + 1]]) | 0;
    m ^= a;
    m = (m >>> 8) | (m << 24);
    i = (i + m) | 0;
    e ^= i;
    e = (e >>> 7) | (e << 25);
    b = (b + f + words[at + SCHEDULE[step + 2]]) | 0;
    n ^= b;
    n = (n >>> 16) | (n << 16);
    j = (j + n) | 0;
    f ^= j;
    f = (f >>> 12) | (f << 20);
    b = (b + f + words[at + SCHEDULE[step + 3]]) | 0;
    n ^= b;
    n = (n >>> 8) | (n << 24);
    j = (j + n) | 0;
    f ^= j;
    f = (f >>> 7) | (f << 25);
    c = (c + g + words[at + SCHEDULE[step + 4]]) | 0;
    o ^= c;
    o = (o >>> 16) | (o << 16);
    k = (k + o) | 0;
    g ^= k;
    g = (g >>> 12) | (g << 20);
    c = (c + g + words[at + SCHEDULE[step + 5]]) | 0;
    o ^= c;
    o = (o >>> 8) | (o << 24);
    k = (k + o) | 0;
    g ^= k;
    g = (g >>> 7) | (g << 25);
    d = (d + h + words[at + SCHEDULE[step + 6]]) | 0;
    p ^= d;
    p = (p >>> 16) | (p << 16);
    l = (l + p) | 0;
    h ^= l;
    h = (h >>> 12) | (h << 20);
    d = (d + h + words[at + SCHEDULE[step + 7]]) | 0;
    p ^= d;
    p = (p >>> 8) | (p << 24);
    l = (l + p) | 0;
    h ^= l;
    h = (h >>> 7) | (h << 25);
    a = (a + f + words[at + SCHEDULE[step + 8]]) | 0;
    p ^= a;
    p = (p >>> 16) | (p << 16);
    k = (k + p) | 0;
    f ^= k;
    f = (f >>> 12) | (f << 20);
    a = (a + f + words[at + SCHEDULE[step + 9]]) | 0;
    p ^= a;
    p = (p >>> 8) | (p << 24);
    k = (k + p) | 0;
    f ^= k;
    f = (f >>> 7) | (f << 25);
    b = (b + g + words[at + SCHEDULE[step + 10]]) | 0;
    m ^= b;
    m = (m >>> 16) | (m << 16);
    l = (l + m) | 0;
    g ^= l;
    g = (g >>> 12) | (g << 20);
    b = (b + g + words[at + SCHEDULE[step + 11]]) | 0;
    m ^= b;
    m = (m >>> 8) | (m << 24);
    l = (l + m) | 0;
    g ^= l;
    g = (g >>> 7) | (g << 25);
    c = (c + h + words[at + SCHEDULE[step + 12]]) | 0;
    n ^= c;
    n = (n >>> 16) | (n << 16);
    i = (i + n) | 0;
    h ^= i;
    h = (h >>> 12) | (h << 20);
    c = (c + h + words[at + SCHEDULE[step + 13]]) | 0;
    n ^= c;
    n = (n >>> 8) | (n << 24);
    i = (i + n) | 0;
    h ^= i;
    h = (h >>> 7) | (h << 25);
    d = (d + e + words[at + SCHEDULE[step + 14]]) | 0;
    o ^= d;
    o = (o >>> 16) | (o << 16);
    j = (j + o) | 0;
    e ^= j;
    e = (e >>> 12) | (e << 20);
    d = (d + e + words[at + SCHEDULE[step + 15]]) | 0;
    o ^= d;
    o = (o >>> 8) | (o << 24);
    j = (j + o) | 0;
    e ^= j;
    e = (e >>> 7) | (e << 25);
  }
  cv[0] = a ^ i;
  cv[1] = b ^ j;
  cv[2] = c ^ k;
  cv[3] = d ^ l;
  cv[4] = e ^ m;
  cv[5] = f ^ n;
  cv[6] = g ^ o;
  cv[7] = h ^ p;
}

function startOf(cv) {
  for (let i = 0; i < 8; i++) cv[i] = IV[i];
  return cv;
}

// The chaining value of one chunk of up to 1,024 bytes.
function chunkValue(bytes, at, length, counter, root) {
  const cv = startOf(new Int32Array(8));
  const blocks = Math.max(1, Math.ceil(length / BLOCK_BYTES));
  const padded = new Uint8Array(blocks * BLOCK_BYTES);
  padded.set(bytes.subarray(at, at + length));
  const words = new Int32Array(padded.buffer);
  for (let block = 0; block < blocks; block++) {
    const isLast = block === blocks - 1;
    const flags = (block ? 0 : CHUNK_START) | (isLast ? CHUNK_END | root : 0);
    const size = isLast ? length - block * BLOCK_BYTES : BLOCK_BYTES;
    compress(cv, words, block * 16, counter, size, flags);
  }
  return cv;
}

function parentValue(left, right, root) {
  const words = new Int32Array(16);
  words.set(left);
  words.set(right, 8);
  const cv = startOf(new Int32Array(8));
  compress(cv, words, 0, 0, BLOCK_BYTES, PARENT | root);
  return cv;
}

/** Return the digest of bytes: 64 hexadecimal digits. */
export function blake3(bytes) {
  const chunks = Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES));
  const stack = [];
  for (let i = 0; i < chunks - 1; i++) {
    let cv = chunkValue(bytes, i * CHUNK_BYTES, CHUNK_BYTES, i, 0);
    for (let total = i + 1; total % 2 === 0; total /= 2) cv = parentValue(stack.pop(), cv, 0);
    stack.push(cv);
  }
  const at = (chunks - 1) * CHUNK_BYTES;
  let cv = chunkValue(bytes, at, bytes.length - at, chunks - 1, stack.length ? 0 : ROOT);
  while (stack.length) {
    const left = stack.pop();
    cv = parentValue(left, cv, stack.length ? 0 : ROOT);
  }
  return hexOf(new Uint8Array(cv.buffer));
}

/** Return bytes in hexadecimal digits. */
export function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
