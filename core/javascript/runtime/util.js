// util: inspect, format, deep equality, promisify, and texts as bytes.
"use strict";
function equalKeys(left, right, compare) {
  const [names, others] = [Object.keys(left), Object.keys(right)];
  if (names.length !== others.length) return false;
  return names.every((name) => Object.hasOwn(right, name) && compare(left[name], right[name]));
}
function isDeepEqual(left, right, strict) {
  if (strict ? Object.is(left, right) : left == right || (left !== left && right !== right)) return true;
  if (left === null || right === null) return false;
  if (typeof left !== "object" || typeof right !== "object") return false;
  if (strict && Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  if (left instanceof Date && right instanceof Date && left.getTime() !== right.getTime()) return false;
  if (left instanceof RegExp && String(left) !== String(right)) return false;
  if (left instanceof Map || left instanceof Set) {
    return left.size === right.size && isDeepEqual([...left], [...right], strict);
  }
  return equalKeys(left, right, (one, other) => isDeepEqual(one, other, strict));
}
function quoted(text) {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  return mark + text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replaceAll(mark, "\\" + mark) + mark;
}
function show(value, depth, seen) {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "bigint") return value + "n";
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "function") return "[Function: " + (value.name || "anonymous") + "]";
  if (value === null || typeof value !== "object") return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Error) return value.stack ? value.name + ": " + value.message : String(value);
  if (seen.includes(value)) return "[Circular *1]";
  if (depth < 0) return Array.isArray(value) ? "[Array]" : "[Object]";
  const inner = (entry) => show(entry, depth - 1, [...seen, value]);
  if (Array.isArray(value)) return value.length ? "[ " + value.map(inner).join(", ") + " ]" : "[]";
  if (value instanceof Map) {
    return "Map(" + value.size + ") { " + [...value].map(([k, v]) => inner(k) + " => " + inner(v)).join(", ") + " }";
  }
  if (value instanceof Set) return "Set(" + value.size + ") { " + [...value].map(inner).join(", ") + " }";
  const name = (key) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key));
  const entries = Object.keys(value).map((key) => name(key) + ": " + inner(value[key]));
  return entries.length ? "{ " + entries.join(", ") + " }" : "{}";
}
const inspect = (value, options = {}) => show(value, options.depth ?? 2, []);
function format(first, ...rest) {
  if (typeof first !== "string") return [first, ...rest].map((part) => (typeof part === "string" ? part : inspect(part))).join(" ");
  const text = first.replace(/%([sdifjoOc%])/g, (whole, kind) => {
    if (kind === "%") return "%";
    if (!rest.length) return whole;
    const value = rest.shift();
    if (kind === "s") return typeof value === "object" && value !== null ? inspect(value, { depth: 0 }) : String(value);
    if (kind === "d") return String(Number(value));
    if (kind === "i") return String(parseInt(value, 10));
    if (kind === "f") return String(parseFloat(value));
    if (kind === "j") return JSON.stringify(value);
    if (kind === "c") return "";
    return inspect(value);
  });
  return [text, ...rest.map((part) => (typeof part === "string" ? part : inspect(part)))].join(" ");
}
class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(text = "") {
    const bytes = [];
    for (const sign of String(text).toWellFormed()) {
      const code = sign.codePointAt(0);
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
    return Uint8Array.from(bytes);
  }
}
class TextDecoder {
  constructor(label = "utf-8") {
    if (!/^utf-?8$/i.test(label)) throw new RangeError("the encoding " + label + " is not supported");
  }
  get encoding() {
    return "utf-8";
  }
  decode(bytes = new Uint8Array()) {
    const view = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
    let text = "";
    let at = view[0] === 0xef && view[1] === 0xbb && view[2] === 0xbf ? 3 : 0;
    while (at < view.length) {
      const first = view[at];
      at += 1;
      if (first < 0x80) {
        text += String.fromCharCode(first);
        continue;
      }
      const more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 && first < 0xe0 ? 1 : 0;
      let code = more ? first & (0x3f >> more) : 0xfffd;
      let left = more;
      while (left && at < view.length && (view[at] & 0xc0) === 0x80) {
        code = (code << 6) | (view[at] & 63);
        at += 1;
        left -= 1;
      }
      const isValid = !left && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && code >= [0, 0x80, 0x800, 0x10000][more];
      text += isValid ? String.fromCodePoint(code) : "\ufffd";
    }
    return text;
  }
}
module.exports = {
  inspect,
  format,
  TextEncoder,
  TextDecoder,
  isDeepStrictEqual: (left, right) => isDeepEqual(left, right, true),
  isDeepEqual,
  promisify: (callback) => (...values) =>
    new Promise((resolve, reject) => callback(...values, (error, value) => (error ? reject(error) : resolve(value)))),
  inherits: (child, parent) => Object.setPrototypeOf(child.prototype, parent.prototype),
  deprecate: (callback) => callback,
  types: {
    isDate: (value) => value instanceof Date,
    isRegExp: (value) => value instanceof RegExp,
    isPromise: (value) => value instanceof Promise,
  },
};
