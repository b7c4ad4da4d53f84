// URL and URLSearchParams after the URL standard, for addresses with a host; names are not IDNA.
"use strict";
const PORTS = { "http:": "80", "https:": "443", "ftp:": "21", "ws:": "80", "wss:": "443" };
const encode = (text, kept) =>
  text.replace(/[^\x21-\x7e]|["<>`{}^\\|#?]/gu, (sign) => (kept.includes(sign) ? sign : encodeURIComponent(sign)));
const form = (text) =>
  encodeURIComponent(text)
    .replace(/%20/g, "+")
    .replace(/[!'()~]/g, (sign) => "%" + sign.charCodeAt(0).toString(16).toUpperCase());
function plain(text) {
  try {
    return decodeURIComponent(text.replace(/\+/g, " "));
  } catch {
    return text;
  }
}

class URLSearchParams {
  #pairs = [];
  #changed = () => {};
  constructor(init = "") {
    if (init !== null && typeof init === "object") {
      const entries = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
      for (const [name, value] of entries) this.#pairs.push([String(name), String(value)]);
      return;
    }
    for (const part of String(init).replace(/^\?/, "").split("&")) {
      if (!part) continue;
      const at = part.indexOf("=");
      const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
      this.#pairs.push([plain(name), plain(value)]);
    }
  }
  static follow(params, changed) {
    params.#changed = changed;
    return params;
  }
  get size() {
    return this.#pairs.length;
  }
  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
    this.#changed();
  }
  delete(name) {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== String(name));
    this.#changed();
  }
  get(name) {
    const pair = this.#pairs.find((entry) => entry[0] === String(name));
    return pair ? pair[1] : null;
  }
  getAll(name) {
    return this.#pairs.filter((pair) => pair[0] === String(name)).map((pair) => pair[1]);
  }
  has(name) {
    return this.#pairs.some((pair) => pair[0] === String(name));
  }
  set(name, value) {
    const at = this.#pairs.findIndex((pair) => pair[0] === String(name));
    if (at < 0) return this.append(name, value);
    this.#pairs = this.#pairs.filter((pair, index) => index <= at || pair[0] !== String(name));
    this.#pairs[at] = [String(name), String(value)];
    this.#changed();
  }
  sort() {
    this.#pairs.sort((left, right) => (left[0] < right[0] ? -1 : left[0] > right[0] ? 1 : 0));
    this.#changed();
  }
  forEach(callback) {
    for (const [name, value] of this.#pairs) callback(value, name, this);
  }
  entries() {
    return this.#pairs.map((pair) => [...pair])[Symbol.iterator]();
  }
  keys() {
    return this.#pairs.map((pair) => pair[0])[Symbol.iterator]();
  }
  values() {
    return this.#pairs.map((pair) => pair[1])[Symbol.iterator]();
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  toString() {
    return this.#pairs.map(([name, value]) => form(name) + "=" + form(value)).join("&");
  }
}

const ADDRESS = /^([a-z][a-z0-9+.-]*:)(?:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?(\[[0-9a-f:.]+\]|[^:/?#]*)(?::(\d*))?)?([^?#]*)(\?[^#]*)?(#.*)?$/i;
function simplified(path) {
  const parts = [];
  const names = path.split("/");
  names.forEach((name, index) => {
    const isLast = index === names.length - 1;
    if (name === "..") {
      if (parts.length > 1) parts.pop();
      if (isLast) parts.push("");
    } else if (name === ".") {
      if (isLast) parts.push("");
    } else parts.push(name);
  });
  return parts.join("/");
}
const invalid = (text) => Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: text });

class URL {
  #params;
  constructor(text, base) {
    text = String(text).trim();
    if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) {
      if (base === undefined) throw invalid(text);
      const from = new URL(base);
      const before = from.href.slice(0, from.href.length - (from.pathname + from.search + from.hash).length);
      if (text.startsWith("//")) text = from.protocol + text;
      else if (text.startsWith("/")) text = before + text;
      else if (text.startsWith("?")) text = before + from.pathname + text;
      else if (text.startsWith("#")) text = before + from.pathname + from.search + text;
      else text = before + from.pathname.replace(/[^/]*$/, "") + text;
    }
    const match = ADDRESS.exec(text);
    if (!match) throw invalid(text);
    this.protocol = match[1].toLowerCase();
    const isWeb = this.protocol in PORTS;
    this.username = match[2] || "";
    this.password = match[3] || "";
    this.hostname = (match[4] || "").toLowerCase();
    if (isWeb && (!this.hostname || /[\s<>^|%\\]/.test(this.hostname))) throw invalid(text);
    if (match[5] && Number(match[5]) > 65535) throw invalid(text);
    this.port = match[5] && match[5] !== PORTS[this.protocol] ? String(Number(match[5])) : "";
    const path = encode(match[6], "|^");
    this.pathname = match[4] === undefined ? path : simplified(path || (isWeb ? "/" : ""));
    this.search = match[7] && match[7] !== "?" ? "?" + encode(match[7].slice(1), "{}|^`?\\") : "";
    this.hash = match[8] && match[8] !== "#" ? "#" + encode(match[8].slice(1), "{}|^?#\\") : "";
    this.#params = URLSearchParams.follow(new URLSearchParams(this.search), () => {
      const query = this.#params.toString();
      this.search = query ? "?" + query : "";
    });
  }
  static canParse(text, base) {
    try {
      return Boolean(new URL(text, base));
    } catch {
      return false;
    }
  }
  static parse(text, base) {
    return URL.canParse(text, base) ? new URL(text, base) : null;
  }
  get host() {
    return this.hostname + (this.port ? ":" + this.port : "");
  }
  get origin() {
    return this.protocol in PORTS ? this.protocol + "//" + this.host : "null";
  }
  get searchParams() {
    return this.#params;
  }
  get href() {
    const user = this.username + (this.password ? ":" + this.password : "");
    const isPlain = !this.hostname && this.protocol !== "file:";
    const before = isPlain ? "" : "//" + (user ? user + "@" : "") + this.host;
    return this.protocol + before + this.pathname + this.search + this.hash;
  }
  toString() {
    return this.href;
  }
  toJSON() {
    return this.href;
  }
}
module.exports = {
  URL,
  URLSearchParams,
  fileURLToPath: (url) => decodeURIComponent(new URL(url).pathname),
  pathToFileURL: (path) => new URL("file://" + path),
};
