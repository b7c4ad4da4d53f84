// The messages of a chat, edited one by one; a text area holds them as JSON and is what is sent.
(function () {
  "use strict";

  const ROLES = ["system", "developer", "user", "assistant", "tool"];
  const PLACEHOLDER = "placeholder";

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function parse(text, otherwise) {
    try {
      return text.trim() ? JSON.parse(text) : otherwise;
    } catch {
      return otherwise;
    }
  }

  function isPlaceholder(entry) {
    return entry.type === PLACEHOLDER && typeof entry.name === "string";
  }

  function isEntry(entry) {
    if (entry === null || typeof entry !== "object") return false;
    return isPlaceholder(entry) || (typeof entry.role === "string" && typeof entry.content === "string");
  }

  // The entries of a chat; null of a text that is none.
  function entriesOf(text) {
    const list = parse(text, null);
    return Array.isArray(list) && list.length && list.every(isEntry) ? list : null;
  }

  function placeholdersOf(text) {
    const names = (entriesOf(text) || []).filter(isPlaceholder).map((entry) => entry.name);
    return [...new Set(names)];
  }

  function asChat(text) {
    return entriesOf(text) ? text : JSON.stringify([{ role: "user", content: text }], null, 2);
  }

  // One message of a user is its text; of several, each begins with its role.
  function asText(value) {
    const list = entriesOf(value);
    if (!list) return value;
    if (list.length === 1 && list[0].role === "user") return list[0].content;
    const lines = (entry) =>
      isPlaceholder(entry) ? `${PLACEHOLDER}: ${entry.name}` : `${entry.role}: ${entry.content}`;
    return list.map(lines).join("\n\n");
  }

  // Shows the entries of `input` in `root`; `changed` is called after each change of them.
  class ChatEditor {
    constructor(root, input, words, changed) {
      this.root = root;
      this.input = input;
      this.words = words;
      this.changed = changed;
      this.entries = [];
    }

    hide() {
      this.root.replaceChildren();
      this.input.style.display = "";
    }

    // Whether somebody is typing into one of the entries.
    get isBusy() {
      return this.root.contains(document.activeElement);
    }

    show() {
      const list = parse(this.input.value, null);
      if (Array.isArray(list) && !list.every(isEntry)) {
        this.hide(); // what these rows cannot show is written as JSON
        return;
      }
      this.input.style.display = "none";
      this.entries = list;
      if (!Array.isArray(list)) {
        this.entries = [{ role: "user", content: this.input.value }];
        this.write();
      }
      this.draw();
    }

    draw() {
      const rows = this.entries.map((entry, index) => this.row(entry, index));
      const add = (word, entry) =>
        make("button", { type: "button", class: "wk-button", onclick: () => this.add(entry) }, word);
      const buttons = make(
        "div",
        { class: "wk-bar" },
        add(this.words.message, { role: "user", content: "" }),
        add(this.words.addPlaceholder, { type: PLACEHOLDER, name: "" }),
      );
      this.root.replaceChildren(...rows, buttons);
    }

    write() {
      this.input.value = JSON.stringify(this.entries, null, 2);
      // A click is no input of the form's: without this, the kept draft would not know of it.
      this.input.form.dispatchEvent(new Event("change"));
      this.changed();
    }

    add(entry) {
      const added = { ...entry };
      if (isPlaceholder(added)) added.name = this.freeName();
      this.entries.push(added);
      this.write();
      this.draw();
      this.focus(this.entries.length - 1, "[data-field]");
    }

    freeName() {
      const names = this.entries.filter(isPlaceholder).map((entry) => entry.name);
      let name = "history";
      for (let number = 2; names.includes(name); number += 1) name = `history_${number}`;
      return name;
    }

    move(index, step) {
      const to = index + step;
      const [entry] = this.entries.splice(index, 1);
      this.entries.splice(to, 0, entry);
      this.write();
      this.draw();
      const isAtEnd = to === 0 || to === this.entries.length - 1;
      // At an end its own button is disabled, and cannot keep the focus.
      this.focus(to, `[data-step="${isAtEnd ? -step : step}"]`);
    }

    remove(index) {
      this.entries.splice(index, 1);
      this.write();
      this.draw();
    }

    focus(index, selector) {
      const element = this.root.children[index].querySelector(selector);
      if (element) element.focus();
    }

    row(entry, index) {
      const fields = isPlaceholder(entry) ? this.placeholder(entry, index) : this.message(entry, index);
      const button = (word, act, attributes) =>
        make(
          "button",
          { type: "button", class: "wk-link", onclick: act, "aria-label": `${word} ${index + 1}`, ...attributes },
          word,
        );
      const last = this.entries.length - 1;
      const step = (word, by, disabled) =>
        button(word, () => this.move(index, by), { "data-step": by, disabled });
      const buttons = make(
        "div",
        { class: "wk-entry-buttons" },
        step(this.words.up, -1, index === 0),
        step(this.words.down, 1, index === last),
        button(this.words.remove, () => this.remove(index)),
      );
      return make("div", { class: "wk-message" }, ...fields, buttons);
    }

    placeholder(entry, index) {
      const input = make("input", {
        value: entry.name,
        "aria-label": `${this.words.placeholder} ${index + 1}`,
        "data-field": "name",
        oninput: (event) => {
          entry.name = event.target.value;
          this.write();
        },
      });
      return [make("strong", { class: "wk-role" }, this.words.placeholder), input];
    }

    message(entry, index) {
      const role = make(
        "select",
        {
          "aria-label": `${this.words.role} ${index + 1}`,
          onchange: (event) => {
            entry.role = event.target.value;
            this.write();
          },
        },
        ...ROLES.map((name) => make("option", { value: name, selected: name === entry.role }, name)),
      );
      const text = make("textarea", {
        rows: 4,
        "aria-label": `${this.words.text} ${index + 1}`,
        "data-field": "content",
        oninput: (event) => {
          entry.content = event.target.value;
          this.write();
        },
      });
      text.value = entry.content;
      return [role, text];
    }
  }

  window.autoforgeChat = { ChatEditor, asChat, asText, make, parse, placeholdersOf };
})();
