// structuredClone of what JSON, maps, sets, dates and bytes hold.
"use strict";
function copy(value, seen) {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new DOMException(String(value) + " could not be cloned.", "DataCloneError");
  }
  if (value === null || typeof value !== "object") return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (made) => (seen.set(value, made), made);
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return keep(value.slice());
  if (value instanceof Map) {
    const made = keep(new Map());
    for (const [key, inner] of value) made.set(copy(key, seen), copy(inner, seen));
    return made;
  }
  if (value instanceof Set) {
    const made = keep(new Set());
    for (const inner of value) made.add(copy(inner, seen));
    return made;
  }
  if (value instanceof Error) {
    return keep(Object.assign(new Error(value.message), { name: value.name }));
  }
  const made = keep(Array.isArray(value) ? [] : {});
  for (const key of Object.keys(value)) made[key] = copy(value[key], seen);
  return made;
}
module.exports = { structuredClone: (value) => copy(value, new Map()) };
