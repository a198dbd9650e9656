// Blosc's container, and the compressors that it shares with others.
// Sources: https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst,
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md

import { UnknownError, need } from "./errors.js";
import { Growing } from "./growing.js";
import { unzstd } from "./zstd.js";

/** Return what a block of LZ4 holds, of exactly `nbytes` bytes. */
export function unlz4(bytes, nbytes) {
  const out = new Growing(nbytes, nbytes);
  let at = 0;
  const more = (length) => {
    for (let byte = length === 15 ? 255 : 0; byte === 255; length += byte) byte = bytes[at++];
    return length;
  };
  while (at < bytes.length) {
    const token = bytes[at++],
      plain = more(token >> 4);
    need(at + plain <= bytes.length, "a block of LZ4 ends too early");
    out.push(bytes, at, plain);
    at += plain;
    if (at === bytes.length) break;
    const offset = bytes[at] | (bytes[at + 1] << 8);
    at += 2;
    out.repeat(offset, more(token & 15) + 4);
  }
  need(out.length === nbytes, "a block of LZ4 has another length");
  return out.whole();
}

// Return what a block of BloscLZ holds.
function unblosclz(bytes, nbytes) {
  const out = new Growing(nbytes, nbytes);
  let at = 1,
    control = bytes[0] & 31;
  for (;;) {
    if (control >= 32) {
      let length = (control >> 5) - 1,
        high = (control & 31) << 8;
      if (length === 6) {
        let byte;
        do {
          byte = bytes[at++];
          length += byte;
        } while (byte === 255);
      }
      const low = bytes[at++];
      let offset = high + low;
      if (low === 255 && high === 31 << 8) {
        offset = (bytes[at] << 8) + bytes[at + 1] + 8191;
        at += 2;
      }
      out.repeat(offset + 1, length + 3);
    } else {
      need(at + control < bytes.length, "a block of BloscLZ ends too early");
      out.push(bytes, at, control + 1);
      at += control + 1;
    }
    if (at >= bytes.length) break;
    control = bytes[at++];
  }
  need(out.length === nbytes, "a block of BloscLZ has another length");
  return out.whole();
}

/** Return what a stream of zlib, gzip or raw deflate holds, of at most `most` bytes. */
export async function inflate(bytes, format, most) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  const out = new Growing(0, most),
    reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return out.whole();
      out.push(value, 0, value.length);
    }
  } catch (error) {
    need(!(error instanceof TypeError), "a compressed stream is damaged");
    throw error;
  }
}

const INNER = [unblosclz, unlz4, null, (bytes, nbytes) => inflate(bytes, "deflate", nbytes), unzstd];

/** Return what Blosc holds, of at most `most` bytes. */
export async function unblosc(bytes, most) {
  need(bytes.length >= 16, "Blosc's header is not whole");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = bytes[2],
    typesize = bytes[3],
    inner = INNER[flags >> 5];
  const [nbytes, blocksize, stored] = [4, 8, 12].map((at) => view.getUint32(at, true));
  need(nbytes <= most && stored === bytes.length, "Blosc's header says another length");
  if (flags & 2) {
    need(stored === nbytes + 16, "Blosc's header says another length");
    return bytes.subarray(16);
  }
  if (!inner) throw new UnknownError(`Blosc with compressor ${flags >> 5}`);
  const out = new Uint8Array(nbytes),
    blocks = Math.ceil(nbytes / blocksize);
  need(blocks * 4 + 16 <= bytes.length, "Blosc's blocks go beyond its end");
  for (let i = 0; i < blocks; i++) {
    const size = Math.min(blocksize, nbytes - i * blocksize);
    const mayBeSplit = !(flags & 16) && typesize <= 16 && blocksize / typesize >= 128;
    const parts = mayBeSplit && size === blocksize ? typesize : 1;
    const block = await readBlosc(bytes, view, view.getUint32(16 + 4 * i, true), size, parts, inner);
    out.set(unfiltered(block, flags, typesize), i * blocksize);
  }
  return out;
}

async function readBlosc(bytes, view, at, size, parts, inner) {
  const block = new Uint8Array(size),
    part = size / parts;
  for (let i = 0; i < parts; i++) {
    need(at + 4 <= bytes.length, "Blosc's blocks go beyond its end");
    const stored = view.getInt32(at, true);
    at += 4;
    need(stored >= 0 && at + stored <= bytes.length, "Blosc's blocks go beyond its end");
    const found = bytes.subarray(at, at + stored);
    const plain = stored === part ? found : await inner(found, part);
    need(plain.length === part, "one of Blosc's blocks has another length");
    block.set(plain, i * part);
    at += stored;
  }
  return block;
}

function unfiltered(block, flags, typesize) {
  if (flags & 1 && typesize > 1) return unshuffled(block, typesize);
  if (flags & 4 && block.length >= typesize) return unshuffledBits(block, typesize);
  return block;
}

/** Put the bytes of elements together again: first bytes of all, second bytes of all, ... */
export function unshuffled(bytes, size) {
  const count = Math.floor(bytes.length / size),
    out = new Uint8Array(bytes.length);
  for (let byte = 0; byte < size; byte++) {
    for (let i = 0, from = byte * count; i < count; i++) out[i * size + byte] = bytes[from + i];
  }
  out.set(bytes.subarray(count * size), count * size);
  return out;
}

function unshuffledBits(bytes, size) {
  const count = Math.floor(bytes.length / size),
    row = count / 8;
  if (count % 8) return bytes;
  const out = new Uint8Array(bytes.length);
  for (let bit = 0; bit < size * 8; bit++) {
    for (let i = 0; i < count; i++) {
      if (bytes[bit * row + (i >> 3)] & (1 << (i & 7))) out[i * size + (bit >> 3)] |= 1 << (bit & 7);
    }
  }
  out.set(bytes.subarray(count * size), count * size);
  return out;
}
