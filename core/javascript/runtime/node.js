// What Node.js has besides ECMAScript: a console, timers, process, require of the program's files and
// of the modules beside this one, and the forms of English. What is not here is refused by its name.
(function (shared, filesText, environmentText) {
  "use strict";
  const { parse, stringify } = JSON;
  const LINES = 200;
  const CHARACTERS = 10000;
  const { esm, fail, lines, missing, modules } = shared;
  const loaded = new Map();
  const builtIn = new Map();
  const timers = [];
  let characters = 0;
  let lastTimer = 0;
  let now = 0;
  let files = null;

  function unavailable(what) {
    missing[missing.length] = what;
    const error = new Error(what + " is not available in the sandbox");
    error.code = "ERR_NOT_AVAILABLE";
    return error;
  }

  // A module that is there and cannot be used: many files load fs and use it in one function.
  function placeholder(name) {
    const refuse = (path) =>
      new Proxy(function () {}, {
        get: (_target, key) =>
          typeof key === "symbol" || key === "then" || key === "__esModule"
            ? undefined
            : refuse(path + "." + key),
        apply: () => {
          throw unavailable(path);
        },
        construct: () => {
          throw unavailable(path);
        },
      });
    return refuse(name);
  }

  const PLACEHOLDERS = [
    "child_process", "cluster", "dgram", "dns", "fs", "fs/promises", "http", "http2", "https",
    "net", "os", "readline", "stream", "tls", "vm", "worker_threads", "zlib",
  ];

  function builtInModule(name) {
    if (builtIn.has(name)) return builtIn.get(name);
    let value;
    if (Object.hasOwn(modules, name)) {
      const module = { exports: {} };
      const body = (0, eval)("(function (exports, module, require) {" + modules[name] + "\n})");
      body(module.exports, module, builtInModule);
      value = module.exports;
    } else if (PLACEHOLDERS.includes(name)) {
      value = placeholder(name);
    }
    builtIn.set(name, value);
    return value;
  }

  function joined(folder, name) {
    const parts = folder ? folder.split("/") : [];
    for (const part of name.split("/")) {
      if (part === "..") {
        if (!parts.length || parts[parts.length - 1] === "..") parts.push("..");
        else parts.pop();
      } else if (part !== "." && part !== "") parts.push(part);
    }
    return parts.join("/");
  }

  function folderOf(path) {
    return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
  }

  function findFile(path) {
    files = files || parse(filesText);
    const endings = ["", ".js", ".cjs", ".mjs", ".json", "/index.js", "/index.cjs", "/index.mjs"];
    for (const ending of endings) {
      if (Object.hasOwn(files, path + ending)) return path + ending;
    }
    return null;
  }

  function requireFrom(folder) {
    function require(name) {
      name = String(name);
      if (!name.startsWith(".") && !name.startsWith("/")) {
        const value = builtInModule(name.replace(/^node:/, ""));
        if (value === undefined) throw unavailable("the module “" + name + "”");
        return value;
      }
      const path = findFile(joined(name.startsWith("/") ? "" : folder, name));
      if (path === null) {
        const error = new Error("Cannot find module '" + name + "'");
        error.code = "MODULE_NOT_FOUND";
        throw error;
      }
      return load(path);
    }
    require.resolve = (name) => name;
    require.cache = {};
    return require;
  }

  function importedDefault(value) {
    return value !== null && typeof value === "object" && value[esm] ? value.default : value;
  }

  function load(path) {
    if (loaded.has(path)) return loaded.get(path).exports;
    const module = { exports: {}, id: path, filename: "/" + path, loaded: false, children: [] };
    loaded.set(path, module);
    const file = files[path];
    if (path.endsWith(".json")) {
      module.exports = parse(file.text);
      return module.exports;
    }
    const require = requireFrom(folderOf(path));
    const tools = {
      meta: { url: "file:///" + path, filename: "/" + path, dirname: "/" + folderOf(path) },
      default: importedDefault,
      load: (name) =>
        new Promise((resolve) => {
          const value = require(name);
          const isOwn = value !== null && typeof value === "object" && value[esm];
          resolve(isOwn ? value : Object.assign({}, value, { default: value }));
        }),
      define: (exports, getters) => {
        for (const name of Object.keys(getters)) {
          Object.defineProperty(exports, name, {
            get: getters[name], enumerable: true, configurable: true,
          });
        }
      },
      all: (exports, value) => {
        for (const name of Object.keys(value)) {
          if (name !== "default" && !Object.hasOwn(exports, name)) {
            Object.defineProperty(exports, name, { get: () => value[name], enumerable: true });
          }
        }
      },
    };
    if (file.module) Object.defineProperty(module.exports, esm, { value: true });
    const heads = "exports, require, module, __filename, __dirname, __tools";
    const before = "\n".repeat(file.base);
    const body = (0, eval)(before + "(function (" + heads + ") {" + file.text + "\n})");
    body.call(
      file.module ? undefined : module.exports,
      module.exports, require, module, "/" + path, "/" + folderOf(path), tools,
    );
    module.loaded = true;
    return module.exports;
  }

  function shown(value) {
    if (typeof value === "string") return value;
    try {
      if (typeof value === "object" && value !== null && !(value instanceof Error)) {
        return stringify(value) ?? String(value);
      }
      return String(value);
    } catch {
      return typeof value;
    }
  }

  function print(...values) {
    if (lines.length >= LINES || characters >= CHARACTERS) return;
    const line = values.map(shown).join(" ").slice(0, CHARACTERS - characters);
    characters += line.length;
    lines.push(line);
  }

  function addTimer(callback, delay, values, every) {
    lastTimer += 1;
    const due = now + Math.max(1, Number(delay) || 0);
    timers.push({ id: lastTimer, due, callback, values, every });
    return lastTimer;
  }

  function removeTimer(id) {
    const index = timers.findIndex((timer) => timer.id === id);
    if (index >= 0) timers.splice(index, 1);
  }

  // Time passes at once: nothing that a program could wait for happens meanwhile.
  function runTimer() {
    if (!timers.length) return false;
    let next = 0;
    for (let index = 1; index < timers.length; index += 1) {
      if (timers[index].due < timers[next].due) next = index;
    }
    const timer = timers[next];
    now = Math.max(now, timer.due);
    if (timer.every) timer.due = now + Math.max(1, Number(timer.every));
    else timers.splice(next, 1);
    try {
      timer.callback(...timer.values);
    } catch (error) {
      fail(error);
    }
    return true;
  }

  const console = {};
  for (const name of ["log", "info", "warn", "error", "debug", "trace", "table", "dir"]) {
    console[name] = print;
  }
  for (const name of ["assert", "group", "groupEnd", "time", "timeEnd", "timeLog", "count"]) {
    console[name] = () => {};
  }
  const rootRequire = requireFrom("");
  const process = {
    env: parse(environmentText),
    argv: ["node"],
    platform: "linux",
    version: "v22.0.0",
    versions: { node: "22.0.0" },
    mainModule: { require: rootRequire, exports: {}, id: ".", loaded: true, children: [], paths: [] },
    cwd: () => "/",
    nextTick: (callback, ...values) => queueMicrotask(() => callback(...values)),
    hrtime: Object.assign(() => [0, 0], { bigint: () => 0n }),
    uptime: () => 0,
    memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0 }),
    on: () => process,
    once: () => process,
    off: () => process,
    emitWarning: () => {},
    stdout: { write: (text) => (print(text), true), isTTY: false },
    stderr: { write: (text) => (print(text), true), isTTY: false },
    exit: () => {
      throw unavailable("process.exit");
    },
  };
  const globals = {
    console,
    process,
    global: globalThis,
    setTimeout: (callback, delay, ...values) => addTimer(callback, delay, values, 0),
    setInterval: (callback, delay, ...values) =>
      addTimer(callback, delay, values, Math.max(1, Number(delay) || 0)),
    setImmediate: (callback, ...values) => addTimer(callback, 0, values, 0),
    clearTimeout: removeTimer,
    clearInterval: removeTimer,
    clearImmediate: removeTimer,
    Intl: placeholder("Intl"),
  };
  const MODULES = {
    URL: "url", URLSearchParams: "url", Buffer: "buffer", TextEncoder: "util",
    TextDecoder: "util", structuredClone: "clone",
  };

  function find(name) {
    if (name === "crypto") return builtInModule("crypto").webcrypto;
    if (name in MODULES) return builtInModule(MODULES[name])[name];
    if (name in globals) return globals[name];
    return function () {
      throw unavailable(name);
    };
  }

  // Node.js groups digits and sorts as English does; the engine's own forms are others.
  function numberInEnglish(locale, options) {
    const isEnglish = locale === undefined || locale === "en-US" || locale === "en";
    if (!isEnglish || options !== undefined) throw unavailable("toLocaleString with a language");
    if (!Number.isFinite(+this)) return String(+this).replace("Infinity", "∞");
    const [whole, fraction] = (+this).toFixed(3).split(".");
    const rest = fraction.replace(/0+$/, "");
    return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest ? "." + rest : "");
  }

  function compareInEnglish(other, locale, options) {
    if (options !== undefined) throw unavailable("localeCompare with options");
    const key = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    const [left, right] = [String(this), String(other)];
    const [first, second] = [key(left), key(right)];
    if (first !== second) return first < second ? -1 : 1;
    if (left === right) return 0;
    return left > right ? -1 : 1;
  }

  function inLanguage(prototype, name) {
    if (prototype === Number.prototype) return numberInEnglish;
    if (prototype === String.prototype) return compareInEnglish;
    throw unavailable("Date." + name);
  }

  return { find, inLanguage, load: (name) => load(findFile(name)), runTimer };
})
