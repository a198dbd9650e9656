// Bytes of which it is not known how many there will be.

import { need } from "./errors.js";

/** Bytes that grow up to a bound. */
export class Growing {
  constructor(expected, most) {
    this.bytes = new Uint8Array(Math.min(expected, most));
    this.most = most;
    this.length = 0;
  }

  room(count) {
    const wanted = this.length + count;
    need(wanted <= this.most, "more is stored than its size says");
    if (wanted <= this.bytes.length) return;
    const larger = new Uint8Array(Math.min(this.most, Math.max(wanted, 2 * this.bytes.length)));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  push(source, from, count) {
    this.room(count);
    if (count > 32) this.bytes.set(source.subarray(from, from + count), this.length);
    else for (let i = 0, at = this.length; i < count; i++) this.bytes[at + i] = source[from + i];
    this.length += count;
  }

  fill(byte, count) {
    this.room(count);
    this.bytes.fill(byte, this.length, this.length + count);
    this.length += count;
  }

  // Put again what came `offset` bytes ago.
  repeat(offset, count) {
    need(offset > 0 && offset <= this.length, "an offset lies before the start");
    this.room(count);
    const { bytes } = this,
      at = this.length;
    if (offset >= count && count > 32) bytes.copyWithin(at, at - offset, at - offset + count);
    else for (let i = at; i < at + count; i++) bytes[i] = bytes[i - offset];
    this.length += count;
  }

  whole() {
    return this.bytes.subarray(0, this.length);
  }
}
