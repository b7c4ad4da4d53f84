// The editor of prompts: a live preview, declared variables as a form, messages of a chat, tabs.
// Without this script the page still works: variables and messages are then written as JSON.
(function () {
  "use strict";

  const WAIT_MS = 300;
  const TYPES = ["text", "number", "boolean", "list", "json"];
  const { ChatEditor, asChat, asText, make, parse, placeholdersOf } = window.autoforgeChat;

  class Editor {
    constructor(root) {
      const field = (name) => document.querySelector(`[name="${name}"]`);
      this.root = root;
      this.words = JSON.parse(document.getElementById("wk-words").textContent);
      this.kind = field("kind");
      this.syntax = field("syntax");
      this.content = field("content");
      this.declarations = field("variables");
      this.values = Object.create(null); // a variable may be called constructor
      this.timer = null;
      this.asked = 0;
      this.proposed = [];
      this.left = null; // what the other kind held
      if (!this.content || !this.declarations) return;
      this.hide(this.declarations);
      const rows = make("div", { id: "wk-chat" });
      this.content.after(rows);
      this.chat = new ChatEditor(rows, this.content, this.words, () => this.chatChanged());
      this.placeholders = [];
      for (const input of [this.kind, this.syntax, this.content]) {
        input.addEventListener("input", () => this.changed());
        input.addEventListener("change", () => this.changed());
      }
      this.content.form.addEventListener("autoforge:filled", () => this.filled());
      document.getElementById("wk-adopt").addEventListener("click", () => this.declare(this.proposed));
      this.shownKind = this.kind.value;
      this.showChat();
      this.showVariables();
      this.ask();
    }

    hide(input) {
      input.hidden = true;
      input.style.display = "none";
      const label = document.querySelector(`label[for="${input.id}"]`);
      const row = input.closest('[class*="field-variables"]');
      if (label) label.hidden = true;
      // What the server said of it stays in sight.
      if (row && input.getAttribute("aria-invalid") !== "true") row.style.display = "none";
    }

    get variables() {
      const found = parse(this.declarations.value, []);
      return Array.isArray(found) ? found : [];
    }

    set variables(list) {
      this.declarations.value = list.length ? JSON.stringify(list, null, 2) : "[]";
      this.declarations.dispatchEvent(new Event("change", { bubbles: true }));
    }

    // The form holds other texts than before: a draft was put back.
    filled() {
      this.shownKind = this.kind.value;
      this.showChat(true);
      this.showVariables();
      this.ask();
    }

    changed() {
      this.kindChanged();
      this.showChat();
      this.askSoon();
    }

    askSoon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), WAIT_MS);
    }

    async ask() {
      const number = ++this.asked;
      const body = {
        kind: this.kind.value,
        syntax: this.syntax.value,
        content: this.content.value,
        variables: this.variables,
        values: this.values,
        prompt_id: this.root.dataset.prompt,
      };
      let answer;
      try {
        const response = await fetch(this.root.dataset.preview, {
          method: "POST",
          headers: {
            "Content-Type": "application/json",
            "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value,
          },
          body: JSON.stringify(body),
        });
        // An ended session answers with the page of the login.
        if (!response.ok || response.redirected) throw new Error(response.statusText);
        answer = await response.json();
      } catch {
        answer = null;
        document.dispatchEvent(new CustomEvent("autoforge:unanswered"));
      }
      if (number === this.asked) this.show(answer);
    }

    show(answer) {
      const problems = document.getElementById("wk-problems");
      if (answer === null) {
        problems.replaceChildren(make("li", {}, this.words.offline));
        return;
      }
      this.proposed = answer.proposed;
      problems.replaceChildren(
        ...[...answer.problems, ...answer.missing].map((problem) => this.problem(problem)),
      );
      const undeclared = answer.problems.some((problem) => problem.code.startsWith("undeclared"));
      document.getElementById("wk-adopt").hidden = !undeclared;
      document.getElementById("wk-size").textContent = this.words.size
        .replace("{characters}", answer.characters)
        .replace("{tokens}", answer.tokens);
      const parts = answer.messages.map((message) =>
        make(
          "div",
          {},
          ...(message.role ? [make("strong", { class: "wk-role" }, message.role)] : []),
          document.createTextNode(message.content),
        ),
      );
      document.getElementById("wk-rendered").replaceChildren(...parts);
      this.root.dataset.shown = this.asked;
    }

    problem(problem) {
      const item = make("li", {}, problem.text);
      const button = (word, act) =>
        item.append(make("button", { type: "button", class: "wk-link", onclick: act }, word));
      if (problem.line && this.kind.value === "text") {
        button(this.words.go, () => this.goTo(problem.line, problem.column || 1));
      }
      if (problem.near && problem.code === "undeclared-near") {
        button(`${this.words.replace} ${problem.near}`, () => this.rename(problem));
      }
      if (problem.code.startsWith("undeclared")) {
        button(`${this.words.declare} ${problem.variable}`, () => this.declareOne(problem.variable));
      }
      if (problem.code === "unused" || problem.code === "plain-variables") {
        button(`${this.words.remove} ${problem.variable}`, () => this.remove(problem.variable));
      }
      return item;
    }

    position(line, column) {
      const lines = this.content.value.split("\n");
      return lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
    }

    goTo(line, column) {
      const place = this.position(line, column);
      this.content.focus();
      this.content.setSelectionRange(place, place);
    }

    rename(problem) {
      const text = this.content.value;
      const start = this.position(problem.line, problem.column || 1);
      const at = text.indexOf(problem.variable, start);
      if (at < 0) return;
      this.content.setRangeText(problem.near, at, at + problem.variable.length, "end");
      this.content.dispatchEvent(new Event("input", { bubbles: true }));
    }

    declare(list) {
      this.variables = list;
      this.showVariables();
      this.ask();
    }

    declareOne(name) {
      const found = this.proposed.find((variable) => variable.name === name) || { name };
      this.declare([...this.variables, found]);
    }

    remove(name) {
      this.declare(this.variables.filter((variable) => variable.name !== name));
    }

    edit(index, key, value) {
      const list = this.variables;
      if (value === undefined) delete list[index][key];
      else list[index][key] = value;
      if (key === "default" && value !== undefined) list[index].required = false;
      if (key === "required" && value) delete list[index].default;
      this.variables = list;
      this.askSoon();
    }

    // What is typed for a default or an example, as a value of the declared type.
    typed(variable, text) {
      if (text === "") return undefined;
      if (variable.type === "number") return Number.isFinite(Number(text)) ? Number(text) : text;
      if (variable.type === "boolean") return text.toLowerCase() === "true";
      if (variable.type === "list" || variable.type === "json") return parse(text, text);
      return text;
    }

    shown(value) {
      if (value === null || value === undefined) return "";
      return typeof value === "string" ? value : JSON.stringify(value);
    }

    showVariables() {
      const rows = this.variables.map((variable, index) => this.row(variable, index));
      const none = make("p", { class: "wk-hint" }, this.words.none);
      document.getElementById("wk-variables").replaceChildren(...(rows.length ? rows : [none]));
    }

    row(variable, index) {
      const input = (key, attributes) =>
        make(
          "label",
          {},
          this.words[key],
          make("input", {
            value: this.shown(variable[key]),
            "aria-label": `${variable.name} ${this.words[key]}`,
            ...attributes,
          }),
        );
      const typed = (key) =>
        input(key, {
          onchange: (event) => this.edit(index, key, this.typed(variable, event.target.value)),
        });
      const select = make(
        "select",
        {
          onchange: (event) => {
            this.edit(index, "type", event.target.value);
            this.showVariables();
          },
        },
        ...TYPES.map((type) =>
          make("option", { value: type, selected: type === (variable.type || "text") }, this.words[type]),
        ),
      );
      const required = make("input", {
        type: "checkbox",
        checked: variable.required !== false,
        onchange: (event) => {
          this.edit(index, "required", event.target.checked);
          this.showVariables();
        },
      });
      const value = make("input", {
        value: this.values[variable.name] || "",
        "data-value": variable.name,
        placeholder: this.shown(variable.example),
        oninput: (event) => {
          this.values[variable.name] = event.target.value;
          this.askSoon();
        },
      });
      return make(
        "div",
        { class: "wk-var", "data-variable": variable.name },
        make(
          "strong",
          {},
          variable.name,
          " ",
          make("button", { type: "button", class: "wk-link", onclick: () => this.remove(variable.name) }, this.words.remove),
        ),
        make("label", {}, this.words.value, value),
        make("label", {}, this.words.type, select),
        make("label", {}, this.words.required, required),
        typed("default"),
        typed("example"),
        input("description", {
          onchange: (event) => this.edit(index, "description", event.target.value),
        }),
      );
    }

    // A text becomes the first message of a chat, and messages become a text: nothing is lost
    // either way, and going back and forth without typing gives what was there before.
    kindChanged() {
      const [before, now] = [this.shownKind, this.kind.value];
      if (before === now) return;
      const value = this.content.value;
      const kept = this.left && this.left.kind === now && this.left.became === value ? this.left.value : null;
      this.shownKind = now;
      if (kept !== null) this.content.value = kept;
      else if (now === "chat") this.content.value = asChat(value);
      else if (before === "chat") this.content.value = asText(value);
      this.left = { kind: before, value, became: this.content.value };
      this.content.dispatchEvent(new Event("input", { bubbles: true }));
    }

    // A chat is a list of messages; the text area holds it as JSON and stays the one that is sent.
    showChat(always = false) {
      if (this.kind.value !== "chat") this.chat.hide();
      else if (always || !this.chat.isBusy) this.chat.show();
      this.showPlaceholders();
    }

    chatChanged() {
      this.showPlaceholders();
      this.askSoon();
    }

    // A field for each placeholder: what is typed there fills it in the preview.
    showPlaceholders() {
      const names = this.kind.value === "chat" ? placeholdersOf(this.content.value) : [];
      if (String(names) === String(this.placeholders)) return;
      this.placeholders = names;
      document.getElementById("wk-placeholders").replaceChildren(
        ...names.map((name) => this.placeholder(name)),
      );
    }

    placeholder(name) {
      const messages = make("textarea", {
        rows: 3,
        "data-value": name,
        placeholder: '[{"role": "user", "content": "…"}]',
        oninput: (event) => {
          this.values[name] = event.target.value;
          this.askSoon();
        },
      });
      messages.value = this.values[name] || "";
      return make(
        "div",
        { class: "wk-var", "data-placeholder": name },
        make("strong", {}, name),
        make("label", {}, this.words.messages, messages),
      );
    }
  }

  function startTabs(root) {
    const tabs = [...root.querySelectorAll("[data-tab]")];
    const panels = [...root.querySelectorAll("[data-panel]")];
    function choose(name) {
      const known = tabs.some((tab) => tab.dataset.tab === name) ? name : tabs[0].dataset.tab;
      for (const tab of tabs) tab.setAttribute("aria-selected", tab.dataset.tab === known);
      for (const panel of panels) panel.hidden = panel.dataset.panel !== known;
    }
    for (const [index, tab] of tabs.entries()) {
      tab.addEventListener("click", (event) => {
        event.preventDefault();
        history.replaceState(null, "", tab.getAttribute("href"));
        choose(tab.dataset.tab);
      });
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = tabs[(index + step + tabs.length) % tabs.length];
        next.focus();
        next.click();
      });
    }
    choose(location.hash.slice(1));
  }

  // A conflict: both changes together go into the form, to be read there and saved.
  function startFilling(button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const content = document.querySelector("[name=content]");
      content.value = document.getElementById(button.dataset.fill).value;
      content.dispatchEvent(new Event("input", { bubbles: true }));
      content.form.dispatchEvent(new CustomEvent("autoforge:filled"));
      content.scrollIntoView({ block: "center" });
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-fill]").forEach(startFilling);
    const editor = document.getElementById("wk-editor");
    if (editor) new Editor(editor);
    const tabs = document.getElementById("wk-tabs");
    if (tabs) startTabs(tabs);
  });
})();
