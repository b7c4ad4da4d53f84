// crypto: hashes (RFC 1321, FIPS 180-4), HMAC (RFC 2104) and UUIDs; nothing here keeps a secret.
"use strict";
const { Buffer } = require("buffer");
const rotate = (word, by) => (word << by) | (word >>> (32 - by));
const fraction = (value) => Math.floor((value - Math.floor(value)) * 2 ** 32) >>> 0;
const PRIMES = [];
for (let number = 2; PRIMES.length < 80; number += 1) {
  if (PRIMES.every((prime) => number % prime)) PRIMES.push(number);
}
// Whole 64 bits of a root's fraction, which floats do not hold: by Newton's method on integers.
function rootBits(prime, degree) {
  const shifted = BigInt(prime) << BigInt(64 * degree);
  let root = BigInt(Math.floor(Math.pow(prime, 1 / degree) * 2 ** 32)) << 32n;
  for (let round = 0; round < 6; round += 1) {
    root = degree === 2 ? (root + shifted / root) >> 1n : (2n * root + shifted / (root * root)) / 3n;
  }
  while (root ** BigInt(degree) > shifted) root -= 1n;
  while ((root + 1n) ** BigInt(degree) <= shifted) root += 1n;
  return root & 0xffffffffffffffffn;
}
function padded(bytes, block, lengthBytes, isLittle) {
  const whole = Math.ceil((bytes.length + 1 + lengthBytes) / block) * block;
  const message = new Uint8Array(whole);
  message.set(bytes);
  message[bytes.length] = 0x80;
  const view = new DataView(message.buffer);
  view.setBigUint64(isLittle ? whole - 8 : whole - 8, BigInt(bytes.length) * 8n, isLittle);
  return view;
}
function written(words, isLittle) {
  const view = new DataView(new ArrayBuffer(words.length * 4));
  words.forEach((word, index) => view.setUint32(index * 4, word >>> 0, isLittle));
  return new Uint8Array(view.buffer);
}
function md5(bytes) {
  const shifts = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
  const view = padded(bytes, 64, 8, true);
  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let at = 0; at < view.byteLength; at += 64) {
    let [a, b, c, d] = state;
    for (let step = 0; step < 64; step += 1) {
      const round = step >> 4;
      const mixed = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][round];
      const word = [step, 5 * step + 1, 3 * step + 5, 7 * step][round] & 15;
      const constant = Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32);
      const sum = (a + mixed + constant + view.getUint32(at + word * 4, true)) | 0;
      [a, d, c, b] = [d, c, b, (b + rotate(sum, shifts[round][step & 3])) | 0];
    }
    state = [state[0] + a, state[1] + b, state[2] + c, state[3] + d].map((word) => word | 0);
  }
  return written(state, true);
}
function sha1(bytes) {
  const view = padded(bytes, 64, 8, false);
  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let at = 0; at < view.byteLength; at += 64) {
    const words = [];
    let [a, b, c, d, e] = state;
    for (let step = 0; step < 80; step += 1) {
      words[step] = step < 16 ? view.getUint32(at + step * 4) : rotate(words[step - 3] ^ words[step - 8] ^ words[step - 14] ^ words[step - 16], 1);
      const round = Math.floor(step / 20);
      const mixed = [(b & c) | (~b & d), b ^ c ^ d, (b & c) | (b & d) | (c & d), b ^ c ^ d][round];
      const constant = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6][round];
      const sum = (rotate(a, 5) + mixed + e + constant + words[step]) | 0;
      [e, d, c, b, a] = [d, c, rotate(b, 30), a, sum];
    }
    state = [a, b, c, d, e].map((word, index) => (word + state[index]) | 0);
  }
  return written(state, false);
}
function sha256(bytes) {
  const turn = (word, by) => rotate(word, 32 - by);
  const view = padded(bytes, 64, 8, false);
  const constants = PRIMES.slice(0, 64).map((prime) => fraction(Math.cbrt(prime)));
  let state = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
  for (let at = 0; at < view.byteLength; at += 64) {
    const words = [];
    let [a, b, c, d, e, f, g, h] = state;
    for (let step = 0; step < 64; step += 1) {
      if (step < 16) words[step] = view.getUint32(at + step * 4);
      else {
        const [near, far] = [words[step - 15], words[step - 2]];
        const low = turn(near, 7) ^ turn(near, 18) ^ (near >>> 3);
        const high = turn(far, 17) ^ turn(far, 19) ^ (far >>> 10);
        words[step] = (words[step - 16] + low + words[step - 7] + high) | 0;
      }
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[step] + words[step]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    state = [a, b, c, d, e, f, g, h].map((word, index) => (word + state[index]) | 0);
  }
  return written(state, false);
}
function sha512(bytes) {
  const MASK = 0xffffffffffffffffn;
  const turn = (word, by) => ((word >> by) | (word << (64n - by))) & MASK;
  const view = padded(bytes, 128, 16, false);
  const constants = PRIMES.map((prime) => rootBits(prime, 3));
  let state = PRIMES.slice(0, 8).map((prime) => rootBits(prime, 2));
  for (let at = 0; at < view.byteLength; at += 128) {
    const words = [];
    let [a, b, c, d, e, f, g, h] = state;
    for (let step = 0; step < 80; step += 1) {
      if (step < 16) words[step] = view.getBigUint64(at + step * 8);
      else {
        const [near, far] = [words[step - 15], words[step - 2]];
        const low = turn(near, 1n) ^ turn(near, 8n) ^ (near >> 7n);
        const high = turn(far, 19n) ^ turn(far, 61n) ^ (far >> 6n);
        words[step] = (words[step - 16] + low + words[step - 7] + high) & MASK;
      }
      const one = (h + (turn(e, 14n) ^ turn(e, 18n) ^ turn(e, 41n)) + ((e & f) ^ (~e & MASK & g)) + constants[step] + words[step]) & MASK;
      const two = ((turn(a, 28n) ^ turn(a, 34n) ^ turn(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c))) & MASK;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) & MASK, c, b, a, (one + two) & MASK];
    }
    state = [a, b, c, d, e, f, g, h].map((word, index) => (word + state[index]) & MASK);
  }
  const result = new DataView(new ArrayBuffer(64));
  state.forEach((word, index) => result.setBigUint64(index * 8, word));
  return new Uint8Array(result.buffer);
}
const HASHES = { md5: [md5, 64], sha1: [sha1, 64], sha256: [sha256, 64], sha512: [sha512, 128] };
function find(name) {
  const hash = HASHES[String(name).toLowerCase().replace("-", "")];
  if (!hash) throw new Error("Digest method not supported: " + name + "; there are " + Object.keys(HASHES).join(", "));
  return hash;
}
const toBytes = (value, encoding) => (typeof value === "string" ? Buffer.from(value, encoding) : value);
class Hash {
  #parts = [];
  #finish;
  constructor(finish) {
    this.#finish = finish;
  }
  update(value, encoding) {
    this.#parts.push(toBytes(value, encoding));
    return this;
  }
  digest(encoding) {
    const bytes = Buffer.from(this.#finish(Buffer.concat(this.#parts)));
    return encoding ? bytes.toString(encoding) : bytes;
  }
}
function createHmac(name, key) {
  const [hash, block] = find(name);
  const secret = toBytes(key);
  const short = secret.length > block ? hash(secret) : secret;
  const inner = new Uint8Array(block);
  inner.set(short);
  const outer = inner.map((byte) => byte ^ 0x5c);
  const before = inner.map((byte) => byte ^ 0x36);
  return new Hash((bytes) => hash(Buffer.concat([outer, hash(Buffer.concat([before, bytes]))])));
}
function randomBytes(size) {
  return Buffer.from(Array.from({ length: size }, () => Math.floor(Math.random() * 256)));
}
function randomUUID() {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
const getRandomValues = (array) => (array.set(randomBytes(array.length)), array);
module.exports = {
  createHash: (name) => new Hash(find(name)[0]),
  createHmac, randomBytes, randomUUID,
  getHashes: () => Object.keys(HASHES),
  webcrypto: { randomUUID, getRandomValues },
};
