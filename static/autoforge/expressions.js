/* The theme's attributes (x-data, x-on:click, ...) without `eval`.
 *
 * Alpine.js makes a function of each attribute's text, for which a Content-Security-Policy has to
 * allow 'unsafe-eval'. This file reads the text itself and carries out the part of JavaScript that
 * such attributes use: literals, members, calls, operators, assignments, `if`, arrow functions.
 * Of the page it reaches what the theme needs and nothing else: see GLOBALS and FORBIDDEN.
 */
"use strict";

(() => {
  // --- Reading: a text becomes a tree ---------------------------------------------------------

  const TOKEN =
    /\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_$][\w$]*)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(===|!==|=>|==|!=|<=|>=|&&|\|\||\+\+|--|\?\.|[-+*/%!<>=?:.,;(){}[\]])|$)/y;
  const ESCAPES = { n: "\n", t: "\t", r: "\r" };
  const LITERALS = { true: true, false: false, null: null, undefined: undefined };
  const LEVELS = [["||"], ["&&"], ["===", "!==", "==", "!="], ["<", ">", "<=", ">="], ["+", "-"], ["*", "/", "%"]];

  function tokenize(text) {
    const tokens = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.length) {
      const start = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (!match) throw new SyntaxError(`Not understood: ${text.slice(start, start + 20)}`);
      const [, number, name, string, sign] = match;
      if (number !== undefined) tokens.push({ kind: "value", value: Number(number) });
      else if (name !== undefined) tokens.push({ kind: "name", value: name });
      else if (string !== undefined) tokens.push({ kind: "value", value: unescape(string) });
      else if (sign !== undefined) tokens.push({ kind: "sign", value: sign });
      else break;
    }
    return tokens;
  }

  function unescape(string) {
    return string
      .slice(1, -1)
      .replace(/\\(?:u([\da-fA-F]{4})|x([\da-fA-F]{2})|(.))/gs, (_, long, short, character) =>
        character === undefined
          ? String.fromCharCode(parseInt(long ?? short, 16))
          : (ESCAPES[character] ?? character),
      );
  }

  class Reader {
    constructor(text) {
      this.tokens = tokenize(text);
      this.position = 0;
    }

    peek(value, ahead = 0) {
      const token = this.tokens[this.position + ahead];
      return Boolean(token) && token.kind !== "value" && token.value === value;
    }

    take(value) {
      const taken = this.peek(value);
      if (taken) this.position += 1;
      return taken;
    }

    expect(value) {
      if (!this.take(value)) throw new SyntaxError(`${value} is missing`);
    }

    name() {
      const token = this.tokens[this.position];
      if (token?.kind !== "name") throw new SyntaxError("A name is missing");
      this.position += 1;
      return token.value;
    }

    program() {
      return this.block(() => this.position === this.tokens.length);
    }

    block(isEnd) {
      const statements = [];
      while (!isEnd()) {
        if (this.take(";")) continue;
        const isChoice = this.peek("if");
        statements.push(this.statement());
        if (!isChoice && !isEnd()) this.expect(";");
      }
      return { type: "block", statements };
    }

    statement() {
      if (!this.take("if")) return this.expression();
      this.expect("(");
      const test = this.expression();
      this.expect(")");
      const then = this.branch();
      return { type: "choice", test, then, otherwise: this.take("else") ? this.branch() : null };
    }

    branch() {
      if (!this.take("{")) {
        const statement = this.statement();
        this.take(";");
        return statement;
      }
      const block = this.block(() => this.peek("}"));
      this.expect("}");
      return block;
    }

    expression() {
      const parameters = this.parameters();
      if (parameters) return { type: "arrow", parameters, body: this.expression() };
      const left = this.conditional();
      if (!this.take("=")) return left;
      if (left.type !== "name" && left.type !== "member") throw new SyntaxError("Nothing to assign to");
      return { type: "assign", target: left, value: this.expression() };
    }

    /* Return the names before `=>` and pass them; null: this is no function. */
    parameters() {
      const first = this.tokens[this.position];
      if (first?.kind === "name" && this.peek("=>", 1)) {
        this.position += 2;
        return [first.value];
      }
      if (!this.peek("(")) return null;
      const names = [];
      let ahead = 1;
      while (this.tokens[this.position + ahead]?.kind === "name") {
        names.push(this.tokens[this.position + ahead].value);
        ahead += this.peek(",", ahead + 1) ? 2 : 1;
      }
      if (!this.peek(")", ahead) || !this.peek("=>", ahead + 1)) return null;
      this.position += ahead + 2;
      return names;
    }

    conditional() {
      const test = this.binary(0);
      if (!this.take("?")) return test;
      const then = this.expression();
      this.expect(":");
      return { type: "choice", test, then, otherwise: this.expression() };
    }

    binary(level) {
      if (level === LEVELS.length) return this.unary();
      let left = this.binary(level + 1);
      for (;;) {
        const sign = LEVELS[level].find((candidate) => this.take(candidate));
        if (!sign) return left;
        left = { type: "binary", sign, left, right: this.binary(level + 1) };
      }
    }

    unary() {
      if (this.take("!")) return { type: "not", value: this.unary() };
      if (this.take("-")) return { type: "minus", value: this.unary() };
      return this.postfix(this.primary());
    }

    postfix(start) {
      let node = start;
      for (;;) {
        if (this.take(".")) node = { type: "member", object: node, key: { kind: "value", value: this.name() } };
        else if (this.take("?.")) node = { type: "member", object: node, key: { kind: "value", value: this.name() }, optional: true };
        else if (this.take("[")) {
          node = { type: "member", object: node, key: this.expression() };
          this.expect("]");
        } else if (this.take("(")) node = { type: "call", callee: node, values: this.list(")") };
        else return node;
      }
    }

    list(end) {
      const values = [];
      while (!this.take(end)) {
        values.push(this.expression());
        if (!this.peek(end)) this.expect(",");
      }
      return values;
    }

    primary() {
      if (this.take("(")) {
        const inner = this.expression();
        this.expect(")");
        return inner;
      }
      if (this.take("[")) return { type: "list", values: this.list("]") };
      if (this.take("{")) return this.object();
      const token = this.tokens[this.position];
      if (!token || token.kind === "sign") throw new SyntaxError(`${token?.value ?? "The end"} is unexpected`);
      this.position += 1;
      if (token.kind === "value") return token;
      if (Object.hasOwn(LITERALS, token.value)) return { kind: "value", value: LITERALS[token.value] };
      return { type: "name", name: token.value };
    }

    object() {
      const pairs = [];
      while (!this.take("}")) {
        const token = this.tokens[this.position];
        if (!token || token.kind === "sign") throw new SyntaxError("A key is missing");
        this.position += 1;
        const isShort = token.kind === "name" && !this.peek(":");
        if (!isShort) this.expect(":");
        pairs.push([token.value, isShort ? { type: "name", name: token.value } : this.expression()]);
        if (!this.peek("}")) this.expect(",");
      }
      return { type: "object", pairs };
    }
  }

  // --- Carrying out ---------------------------------------------------------------------------

  // What leads from any object to making code, or makes a page of a text.
  const FORBIDDEN = new Set([
    "constructor", "prototype", "__proto__", "__defineGetter__", "__defineSetter__",
    "innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc", "ownerDocument", "defaultView",
    "view", "contentWindow", "contentDocument", "document", "write", "writeln", "setAttribute",
  ]);

  // Asked for when it is needed: the theme's functions are made after this file.
  const GLOBALS = {
    getCurrentTab: () => getCurrentTab,
    localStorage: () => localStorage,
    moveRecords: () => moveRecords,
    searchCommand: () => searchCommand,
    searchDropdown: () => searchDropdown,
    searchForm: () => searchForm,
    sortRecords: () => sortRecords,
    theme: () => theme,
    window: () => ({
      location: { pathname: location.pathname, search: location.search, hash: location.hash },
    }),
  };

  function key(node, scope) {
    const name = run(node.key, scope);
    if (FORBIDDEN.has(String(name)) || String(name).startsWith("on")) {
      throw new TypeError(`${String(name)} is not for attributes`);
    }
    return name;
  }

  function lookUp(name, scope) {
    if (FORBIDDEN.has(name)) throw new TypeError(`${name} is not for attributes`);
    if (name in scope) return scope[name];
    if (Object.hasOwn(GLOBALS, name)) return GLOBALS[name]();
    throw new ReferenceError(`${name} is not defined`);
  }

  const BINARY = {
    "||": (left, right) => left || right(),
    "&&": (left, right) => left && right(),
    "===": (left, right) => left === right(),
    "!==": (left, right) => left !== right(),
    // eslint-disable-next-line eqeqeq
    "==": (left, right) => left == right(),
    // eslint-disable-next-line eqeqeq
    "!=": (left, right) => left != right(),
    "<": (left, right) => left < right(),
    ">": (left, right) => left > right(),
    "<=": (left, right) => left <= right(),
    ">=": (left, right) => left >= right(),
    "+": (left, right) => left + right(),
    "-": (left, right) => left - right(),
    "*": (left, right) => left * right(),
    "/": (left, right) => left / right(),
    "%": (left, right) => left % right(),
  };

  const RUN = {
    block: (node, scope) => node.statements.reduce((_, statement) => run(statement, scope), undefined),
    choice: (node, scope) => {
      if (run(node.test, scope)) return run(node.then, scope);
      return node.otherwise ? run(node.otherwise, scope) : undefined;
    },
    name: (node, scope) => lookUp(node.name, scope),
    member: (node, scope) => {
      const object = run(node.object, scope);
      if (node.optional && (object === null || object === undefined)) return undefined;
      return object[key(node, scope)];
    },
    call: (node, scope) => {
      const { callee } = node;
      const values = () => node.values.map((value) => run(value, scope));
      if (callee.type !== "member") {
        // A method of x-data, called by its name: `this` is what it is looked up in.
        return run(callee, scope).apply(scope, values());
      }
      const object = run(callee.object, scope);
      return object[key(callee, scope)](...values());
    },
    assign: (node, scope) => {
      const value = run(node.value, scope);
      if (node.target.type === "member") run(node.target.object, scope)[key(node.target, scope)] = value;
      else if (FORBIDDEN.has(node.target.name)) lookUp(node.target.name, scope);
      else scope[node.target.name] = value;
      return value;
    },
    arrow: (node, scope) => (...values) => {
      const names = Object.fromEntries(node.parameters.map((name, index) => [name, values[index]]));
      return run(node.body, Alpine.mergeProxies([names, scope]));
    },
    binary: (node, scope) => BINARY[node.sign](run(node.left, scope), () => run(node.right, scope)),
    not: (node, scope) => !run(node.value, scope),
    minus: (node, scope) => -run(node.value, scope),
    list: (node, scope) => node.values.map((value) => run(value, scope)),
    object: (node, scope) =>
      Object.fromEntries(node.pairs.map(([name, value]) => [name, run(value, scope)])),
  };

  function run(node, scope) {
    return node.kind === "value" ? node.value : RUN[node.type](node, scope);
  }

  // --- Alpine's side --------------------------------------------------------------------------

  const programs = new Map();

  function parse(text) {
    if (!programs.has(text)) programs.set(text, new Reader(text).program());
    return programs.get(text);
  }

  function magics(element) {
    return {
      $el: element,
      $dispatch: (name, detail = {}) =>
        element.dispatchEvent(
          new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }),
        ),
    };
  }

  function evaluator(element, expression) {
    const stack = [magics(element), ...Alpine.closestDataStack(element)];
    return (receive = () => {}, { scope = {}, params = [] } = {}) => {
      const merged = Alpine.mergeProxies([scope, ...stack]);
      try {
        let result =
          typeof expression === "function"
            ? expression.apply(merged, params)
            : run(parse(expression), merged);
        if (typeof result === "function") result = result.apply(merged, params);
        if (result instanceof Promise) result.then(receive);
        else receive(result);
      } catch (error) {
        console.error(`An attribute could not be carried out: ${expression}`, element, error);
      }
    };
  }

  document.addEventListener("alpine:init", () => Alpine.setEvaluator(evaluator));

  // For the tests.
  window.autoforgeExpressions = { parse: (text) => new Reader(text).program(), run };
})();
