// assert: as in Node.js, in words of our own.
"use strict";
const { inspect, isDeepEqual } = require("util");
class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message);
    this.name = "AssertionError";
    this.code = "ERR_ASSERTION";
    Object.assign(this, { actual, expected, operator });
  }
}
function check(holds, message, operator, actual, expected, text) {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message: message ?? text, actual, expected, operator });
}
const compared = (operator, holds, words) => (actual, expected, message) =>
  check(holds(actual, expected), message, operator, actual, expected, inspect(actual) + " " + words + " " + inspect(expected));
function assert(value, message) {
  check(Boolean(value), message, "==", value, true, inspect(value) + " is not true");
}
function fits(error, expected) {
  if (expected === undefined) return true;
  if (expected instanceof RegExp) return expected.test(String(error));
  if (typeof expected === "function") {
    return expected.prototype !== undefined && error instanceof expected ? true : expected(error) === true;
  }
  return Object.keys(expected).every((key) =>
    expected[key] instanceof RegExp ? expected[key].test(error[key]) : isDeepEqual(error[key], expected[key], true));
}
function throws(callback, expected, message) {
  let error;
  let isThrown = false;
  try {
    callback();
  } catch (thrown) {
    [error, isThrown] = [thrown, true];
  }
  check(isThrown, typeof expected === "string" ? expected : message, "throws", undefined, expected, "nothing was thrown");
  if (typeof expected !== "string" && !fits(error, expected)) throw error;
}
Object.assign(assert, {
  AssertionError, throws,
  ok: assert,
  equal: compared("==", (left, right) => left == right, "does not equal"),
  notEqual: compared("!=", (left, right) => left != right, "equals"),
  strictEqual: compared("strictEqual", Object.is, "is not"),
  notStrictEqual: compared("notStrictEqual", (left, right) => !Object.is(left, right), "is"),
  deepEqual: compared("deepEqual", (left, right) => isDeepEqual(left, right, false), "does not equal"),
  notDeepEqual: compared("notDeepEqual", (left, right) => !isDeepEqual(left, right, false), "equals"),
  deepStrictEqual: compared("deepStrictEqual", (left, right) => isDeepEqual(left, right, true), "does not equal"),
  notDeepStrictEqual: compared("notDeepStrictEqual", (left, right) => !isDeepEqual(left, right, true), "equals"),
  match: compared("match", (text, pattern) => pattern.test(text), "does not match"),
  doesNotMatch: compared("doesNotMatch", (text, pattern) => !pattern.test(text), "matches"),
  fail: (message = "Failed") => check(false, message, "fail"),
  ifError: (value) => check(value === null || value === undefined, value, "ifError", value, null),
  doesNotThrow: (callback) => callback(),
  rejects: async (promise, expected) => {
    let error;
    let isThrown = false;
    try {
      await (typeof promise === "function" ? promise() : promise);
    } catch (thrown) {
      [error, isThrown] = [thrown, true];
    }
    throws(() => {
      if (isThrown) throw error;
    }, expected);
  },
});
assert.strict = assert;
module.exports = assert;
