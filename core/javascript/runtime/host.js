// What a program meets first: it is called here, and what came of it is written down. Everything else
// that it finds besides ECMAScript is in node.js, which is compiled where a program asks for some of
// it: each program has a context of its own, and most need nothing.
(function (filesText, environmentText, modulesText) {
  "use strict";
  const { parse, stringify } = JSON;
  const join = Function.prototype.call.bind(Array.prototype.join);
  const RESULT = 1000000;
  const NODE = [
    "global", "console", "process", "setTimeout", "setInterval", "setImmediate", "clearTimeout",
    "clearInterval", "clearImmediate", "URL", "URLSearchParams", "Buffer", "TextEncoder",
    "TextDecoder", "structuredClone", "crypto", "fetch", "XMLHttpRequest", "WebSocket", "Worker",
    "Intl",
  ];
  const global = globalThis;
  const shared = { lines: [], missing: [], esm: Symbol("an ES module"), fail };
  let node = null;
  let outcome = null;

  function useNode() {
    if (node === null) {
      shared.modules = parse(modulesText);
      node = (0, eval)(shared.modules.node)(shared, filesText, environmentText);
    }
    return node;
  }

  function hidden(name, value) {
    Object.defineProperty(global, name, { value, writable: true, configurable: true });
    return value;
  }

  for (const name of NODE) {
    Object.defineProperty(global, name, {
      configurable: true,
      get: () => hidden(name, useNode().find(name)),
      set: (value) => hidden(name, value),
    });
  }
  for (const [prototype, names] of [
    [Number.prototype, ["toLocaleString"]],
    [Date.prototype, ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"]],
    [String.prototype, ["localeCompare"]],
  ]) {
    for (const name of names) {
      prototype[name] = function (...values) {
        return useNode().inLanguage(prototype, name).apply(this, values);
      };
    }
  }
  delete global.SharedArrayBuffer;
  delete global.Atomics;

  function chosen(exported, names) {
    let root = exported;
    if (root !== null && typeof root === "object" && root[shared.esm] && "default" in root) {
      root = root.default;
    }
    if (root !== null && typeof root === "object" && "default" in root) root = root.default;
    for (const name of names) {
      if (name === "") {
        if (typeof root === "function") return root;
        continue;
      }
      for (const holder of [root, exported]) {
        const isHolder = holder !== null && (typeof holder === "object" || typeof holder === "function");
        if (isHolder && typeof holder[name] === "function") return holder[name];
      }
    }
    if (names.length === 0) return () => root;
    const wanted = names.filter((name) => name).map((name) => "“" + name + "”");
    if (names.includes("")) wanted.unshift("a function, as its default");
    throw new TypeError("the file does not export " + wanted.join(" or "));
  }

  function entry(program) {
    if (program.kind === "body") {
      return new Function(...program.parameters, "\n".repeat(program.base) + program.source);
    }
    return chosen(useNode().load(program.source), program.exports);
  }

  function succeed(value) {
    const type = value === null ? "null" : typeof value;
    const isWord = type === "bigint" || (type === "number" && !Number.isFinite(value));
    let text = stringify(isWord ? String(value) : value);
    if (text === undefined) text = "null";
    if (text.length > RESULT) {
      outcome = { __proto__: null, state: "large", length: text.length };
    } else {
      outcome = { __proto__: null, state: "done", type, text };
    }
  }

  function fail(error) {
    if (outcome !== null) return;
    const isObject = error !== null && typeof error === "object";
    const text = (value) => (value === undefined || value === null ? "" : String(value));
    outcome = { __proto__: null, state: "failed", name: "", message: "", stack: "" };
    try {
      outcome.name = (isObject ? text(error.name) : "").slice(0, 100);
      outcome.message = (isObject && "message" in error ? text(error.message) : String(error)).slice(0, 2000);
      outcome.stack = (isObject ? text(error.stack) : "").slice(0, 4000);
    } catch {
      outcome.message = "an error that cannot be shown";
    }
  }

  function begin(text) {
    try {
      const program = parse(text);
      const value = entry(program)(
        ...program.arguments, ...(program.process ? [global.process] : []),
      );
      const isPromise = value !== null && typeof value === "object" && typeof value.then === "function";
      if (isPromise) Promise.resolve(value).then(settle, fail);
      else settle(value);
    } catch (error) {
      fail(error);
    }
  }

  // Of texts and numbers alone: a program may have given every object and list other methods. The
  // parts are joined at once, since the text that Python gets may be no rope.
  function written() {
    const parts = ["{"];
    const add = (part) => {
      parts[parts.length] = part;
    };
    const addList = (name, texts) => {
      add(stringify(name) + ": [");
      for (let index = 0; index < texts.length; index += 1) {
        add((index ? ", " : "") + stringify("" + texts[index]));
      }
      add("]");
    };
    for (const name in outcome) add(stringify(name) + ": " + stringify(outcome[name]) + ", ");
    addList("lines", shared.lines);
    add(", ");
    addList("missing", shared.missing);
    add("}");
    return join(parts, "");
  }

  function settle(value) {
    try {
      succeed(value);
    } catch (error) {
      fail(error);
    }
  }

  return function (command, text) {
    if (command === "begin") return begin(text);
    if (command === "timer") return node !== null && node.runTimer();
    if (outcome === null) return "";
    return written();
  };
})
