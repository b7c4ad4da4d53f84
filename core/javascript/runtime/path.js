// path: Node.js's posix form.
"use strict";
function normalize(path) {
  if (path === "") return ".";
  const isAbsolute = path.startsWith("/");
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length && parts[parts.length - 1] !== "..") parts.pop();
    else if (!isAbsolute) parts.push("..");
  }
  const end = path.endsWith("/") && parts.length ? "/" : "";
  return (isAbsolute ? "/" : "") + parts.join("/") + end || (isAbsolute ? "/" : ".");
}
const join = (...parts) => normalize(parts.filter((part) => part !== "").join("/"));
function resolve(...parts) {
  let path = "";
  for (const part of ["/", ...parts]) path = part.startsWith("/") ? part : path + "/" + part;
  const whole = normalize(path);
  return whole.length > 1 ? whole.replace(/\/$/, "") : whole;
}
function basename(path, ending = "") {
  const name = path.replace(/\/+$/, "").split("/").pop();
  return ending && name !== ending && name.endsWith(ending) ? name.slice(0, -ending.length) : name;
}
function dirname(path) {
  const whole = path.replace(/(.)\/+$/, "$1");
  const at = whole.lastIndexOf("/");
  return at < 0 ? "." : at === 0 ? "/" : whole.slice(0, at);
}
function extname(path) {
  const name = basename(path);
  const at = name.lastIndexOf(".");
  return at <= 0 ? "" : name.slice(at);
}
function relative(from, to) {
  const [left, right] = [resolve(from).split("/"), resolve(to).split("/")].map((parts) => parts.filter(Boolean));
  let same = 0;
  while (same < left.length && same < right.length && left[same] === right[same]) same += 1;
  return [...left.slice(same).map(() => ".."), ...right.slice(same)].join("/");
}
const path = {
  normalize, join, resolve, basename, dirname, extname, relative,
  isAbsolute: (text) => text.startsWith("/"),
  parse: (text) => ({
    root: text.startsWith("/") ? "/" : "",
    dir: text.includes("/") ? dirname(text) : "",
    base: basename(text),
    ext: extname(text),
    name: basename(text, extname(text)),
  }),
  format: (parts) => (parts.dir ? parts.dir + "/" : parts.root || "") + (parts.base || (parts.name || "") + (parts.ext || "")),
  sep: "/",
  delimiter: ":",
};
path.posix = path;
module.exports = path;
