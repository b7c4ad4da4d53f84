// Buffer: bytes in the encodings that Node.js names.
"use strict";
const { TextDecoder, TextEncoder } = require("util");
const latin = (bytes) => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
};
const fromLatin = (text) => Uint8Array.from(text, (sign) => sign.charCodeAt(0));
function toBytes(text, encoding = "utf8") {
  switch (String(encoding).toLowerCase()) {
    case "utf8":
    case "utf-8":
      return new TextEncoder().encode(text);
    case "hex":
      return Uint8Array.from(text.match(/[0-9a-f]{2}/gi) || [], (pair) => parseInt(pair, 16));
    case "base64":
    case "base64url": {
      const known = text.replace(/-/g, "+").replace(/_/g, "/").replace(/[^A-Za-z0-9+/]/g, "");
      return fromLatin(atob(known.length % 4 === 1 ? known.slice(0, -1) : known));
    }
    case "latin1":
    case "binary":
    case "ascii":
      return fromLatin(text);
    default:
      throw new TypeError("Unknown encoding: " + encoding);
  }
}
class Buffer extends Uint8Array {
  static from(value, encoding) {
    const bytes = typeof value === "string" ? toBytes(value, encoding) : new Uint8Array(value.data || value);
    const buffer = new Buffer(bytes.length);
    buffer.set(bytes);
    return buffer;
  }
  static alloc(size, fill = 0) {
    return new Buffer(size).fill(fill);
  }
  static allocUnsafe(size) {
    return new Buffer(size);
  }
  static isBuffer(value) {
    return value instanceof Buffer;
  }
  static byteLength(value, encoding) {
    return typeof value === "string" ? toBytes(value, encoding).length : value.byteLength;
  }
  static concat(list) {
    const buffer = new Buffer(list.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of list) {
      buffer.set(part, at);
      at += part.length;
    }
    return buffer;
  }
  static compare(left, right) {
    for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
      if (left[at] !== right[at]) return left[at] < right[at] ? -1 : 1;
    }
    return Math.sign(left.length - right.length);
  }
  equals(other) {
    return Buffer.compare(this, other) === 0;
  }
  toString(encoding = "utf8") {
    switch (String(encoding).toLowerCase()) {
      case "utf8":
      case "utf-8":
        return new TextDecoder().decode(this);
      case "hex":
        return Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("");
      case "base64":
        return btoa(latin(this));
      case "base64url":
        return btoa(latin(this)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
      case "latin1":
      case "binary":
        return latin(this);
      case "ascii":
        return latin(this.map((byte) => byte & 127));
      default:
        throw new TypeError("Unknown encoding: " + encoding);
    }
  }
  toJSON() {
    return { type: "Buffer", data: Array.from(this) };
  }
}
module.exports = { Buffer };
