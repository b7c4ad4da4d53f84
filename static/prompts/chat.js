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

  // Parts in other forms, such as OpenAI's, are not shown as rows: their JSON stays as it is.
  function isPart(part) {
    if (part === null || typeof part !== "object") return false;
    if (part.type === "text") return typeof part.text === "string";
    if (typeof part.url !== "string") return false;
    return part.type === "image" || (part.type === "file" && typeof part.name === "string");
  }

  function isContent(content) {
    if (typeof content === "string") return true;
    return Array.isArray(content) && content.length > 0 && content.every(isPart);
  }

  function isEntry(entry) {
    if (entry === null || typeof entry !== "object") return false;
    return isPlaceholder(entry) || (typeof entry.role === "string" && isContent(entry.content));
  }

  function textOf(content) {
    if (typeof content === "string") return content;
    return content.map((part) => (part.type === "text" ? part.text : `[${part.type} ${part.url}]`)).join("\n\n");
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
    if (list.length === 1 && list[0].role === "user") return textOf(list[0].content);
    const lines = (entry) =>
      isPlaceholder(entry) ? `${PLACEHOLDER}: ${entry.name}` : `${entry.role}: ${textOf(entry.content)}`;
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
      const buttons = make(
        "div",
        { class: "wk-part-buttons" },
        ...["text", "image", "file"].map((type) => this.adder(entry, index, type)),
      );
      return [role, make("div", { class: "wk-parts" }, ...this.contents(entry, index), buttons)];
    }

    contents(entry, index) {
      if (typeof entry.content !== "string") {
        return entry.content.map((part, number) => this.part(entry, index, part, number));
      }
      const change = (value) => {
        entry.content = value;
      };
      return [this.area(`${this.words.text} ${index + 1}`, entry.content, change)];
    }

    area(label, value, change) {
      const area = make("textarea", {
        rows: 4,
        "aria-label": label,
        "data-field": "content",
        oninput: (event) => {
          change(event.target.value);
          this.write();
        },
      });
      area.value = value;
      return area;
    }

    // A message of one text is a string; with more, it is a list of parts.
    adder(entry, index, type) {
      const word = this.words[`add_${type}`];
      const act = () => {
        const part = { text: { type, text: "" }, image: { type, url: "" }, file: { type, name: "", url: "" } }[type];
        if (typeof entry.content === "string") {
          entry.content = entry.content || type === "text" ? [{ type: "text", text: entry.content }] : [];
        }
        entry.content.push(part);
        this.write();
        this.draw();
        this.focus(index, `[data-part="${entry.content.length - 1}"] [data-field]`);
      };
      return make("button", { type: "button", class: "wk-link", "aria-label": `${word} ${index + 1}`, onclick: act }, word);
    }

    part(entry, index, part, number) {
      const place = `${index + 1}.${number + 1}`;
      const remove = make(
        "button",
        {
          type: "button",
          class: "wk-link",
          "aria-label": `${this.words.remove} ${place}`,
          onclick: () => this.removePart(entry, number),
        },
        this.words.remove,
      );
      const fields =
        part.type === "text"
          ? [this.area(`${this.words.text} ${place}`, part.text, (value) => (part.text = value))]
          : this.attachment(part, place);
      return make("div", { class: "wk-part", "data-part": number }, ...fields, remove);
    }

    removePart(entry, number) {
      entry.content.splice(number, 1);
      const [only] = entry.content;
      if (!only) entry.content = "";
      else if (entry.content.length === 1 && only.type === "text") entry.content = only.text;
      this.write();
      this.draw();
    }

    attachment(part, place) {
      const field = (name) => {
        const input = make("input", {
          "aria-label": `${this.words[`${part.type}_${name}`]} ${place}`,
          placeholder: this.words[`${part.type}_${name}`],
          "data-field": name,
          oninput: (event) => {
            part[name] = event.target.value;
            this.write();
          },
        });
        input.value = part[name];
        return input;
      };
      const chooser = make("input", {
        type: "file",
        accept: part.type === "image" ? "image/png,image/jpeg,image/gif,image/webp" : "application/pdf",
        "aria-label": `${this.words.choose} ${place}`,
        onchange: (event) => this.attach(part, event.target.files[0]),
      });
      // The theme listens to every field for files, and looks for a text field of its own beside it.
      chooser.hasChangeListener = true;
      const fields = [field("url"), chooser];
      return part.type === "file" ? [field("name"), ...fields] : fields;
    }

    // What was chosen becomes a part of the text: data: with its bytes in base64.
    attach(part, file) {
      if (!file) return;
      const reader = new FileReader();
      reader.addEventListener("load", () => {
        part.url = reader.result;
        if (part.type === "file" && !part.name) part.name = file.name;
        this.write();
        this.draw();
      });
      reader.readAsDataURL(file);
    }
  }

  window.autoforgeChat = { ChatEditor, asChat, asText, make, parse, placeholdersOf };
})();
