// What is typed is never lost: a draft of the form in this browser, and saves that notice in time
// that the session has ended. A draft is kept per address and person, and goes once it is saved.
(function () {
  "use strict";

  const PREFIX = "autoforge-draft:";
  const SAVING = "autoforge-saving";
  const WAIT_MS = 400;
  const FRESH_MS = 60000; // a session that was alive so short a time ago is not asked for again
  const DAYS_KEPT = 30;
  const SAVED_COOKIE = /(?:^|; )autoforge-saved=([^;]*)/;
  const NOT_KEPT = new Set(["csrfmiddlewaretoken", "_save", "_continue", "_addanother"]);

  function read(storage, key) {
    try {
      return JSON.parse(storage.getItem(key));
    } catch {
      return null; // no storage, or nothing that we wrote
    }
  }

  function write(storage, key, value) {
    try {
      storage.setItem(key, JSON.stringify(value));
      return true;
    } catch {
      return false; // it is full, or forbidden
    }
  }

  function forget(storage, key) {
    try {
      storage.removeItem(key);
    } catch {
      // Without a storage there is nothing to forget.
    }
  }

  function forgetOld() {
    const oldest = Date.now() - DAYS_KEPT * 24 * 60 * 60 * 1000;
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(PREFIX) && !((read(localStorage, key) || {}).at > oldest)) forget(localStorage, key);
      }
    } catch {
      // As above.
    }
  }

  // The server says by a cookie what it has saved; nothing else is taken for a save.
  function forgetSaved() {
    const saved = SAVED_COOKIE.exec(document.cookie);
    if (!saved) return;
    forget(localStorage, PREFIX + decodeURIComponent(saved[1]));
    forget(sessionStorage, SAVING);
    document.cookie = "autoforge-saved=; Max-Age=0; Path=/admin/; SameSite=Lax";
  }

  // Name → the values of that name, as they would be sent; files and passwords are not kept.
  function fieldsOf(form) {
    const secret = new Set([...form.querySelectorAll("[type=password]")].map((input) => input.name));
    const fields = {};
    for (const [name, value] of new FormData(form)) {
      if (NOT_KEPT.has(name) || secret.has(name) || typeof value !== "string") continue;
      (fields[name] ||= []).push(value.replace(/\r\n?/g, "\n"));
    }
    return fields;
  }

  // Hidden fields say what the edit began with; they alone are nothing that somebody typed.
  function isSame(form, left, right) {
    const hidden = new Set([...form.querySelectorAll("[type=hidden]")].map((input) => input.name));
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...names].every(
      (name) => hidden.has(name) || JSON.stringify(left[name] || []) === JSON.stringify(right[name] || []),
    );
  }

  function fill(form, fields) {
    const left = Object.fromEntries(Object.entries(fields).map(([name, values]) => [name, [...values]]));
    for (const input of form.elements) {
      if (!input.name || NOT_KEPT.has(input.name) || ["file", "password", "submit", "button"].includes(input.type)) continue;
      const values = left[input.name];
      if (input.type === "checkbox" || input.type === "radio") input.checked = Boolean(values && values.includes(input.value));
      else if (input.multiple) for (const option of input.options) option.selected = Boolean(values && values.includes(option.value));
      else if (values && values.length) input.value = values.shift();
    }
    form.dispatchEvent(new CustomEvent("autoforge:filled"));
  }

  class Keeper {
    constructor(root) {
      this.root = root;
      this.words = root.dataset;
      this.form = root.closest("form");
      this.key = `${PREFIX}${root.dataset.user}:${location.pathname}`;
      this.timer = null;
      this.alive = Date.now();
      this.sent = false;
      this.offered = null;
      this.began = fieldsOf(this.form);
      this.greet();
      this.form.addEventListener("input", () => this.later());
      this.form.addEventListener("change", () => this.later());
      this.form.addEventListener("submit", (event) => this.submitted(event));
      document.addEventListener("autoforge:unanswered", () => this.ask());
      document.addEventListener("visibilitychange", () => this.looked());
      window.addEventListener("focus", () => this.looked());
      window.addEventListener("pagehide", () => this.keep());
      window.addEventListener("pageshow", (event) => {
        if (event.persisted) this.sent = false; // the browser went back to this very page
      });
      for (const link of document.querySelectorAll("[data-forget-draft]")) {
        link.addEventListener("click", () => this.discard());
      }
    }

    // Offer what was typed here and never saved. What was typed before a login is filled in at once.
    greet() {
      const draft = read(localStorage, this.key);
      const wasSaving = read(sessionStorage, SAVING) === this.key;
      forget(sessionStorage, SAVING);
      if (this.words.bound === "true" || !draft) return;
      if (isSame(this.form, draft.fields, this.began)) {
        forget(localStorage, this.key);
        return;
      }
      if (wasSaving) {
        fill(this.form, draft.fields);
        this.say(this.words.restored, [this.button(this.words.discard, () => this.undo())]);
        return;
      }
      const when = new Date(draft.at).toLocaleString(document.documentElement.lang || undefined);
      this.say(this.words.offer.replace("{time}", when), [
        this.button(this.words.restore, () => {
          fill(this.form, draft.fields);
          this.say(this.words.restored, [this.button(this.words.discard, () => this.undo())]);
        }),
        this.button(this.words.discard, () => this.discard()),
      ]);
      this.offered = draft;
    }

    undo() {
      fill(this.form, this.began);
      this.discard();
    }

    discard() {
      clearTimeout(this.timer);
      this.offered = null;
      forget(localStorage, this.key);
      this.say("", []);
    }

    later() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.keep(), WAIT_MS);
    }

    // Keep the form as it is now; a draft that is offered and not yet taken stays until it is typed over.
    keep() {
      clearTimeout(this.timer);
      if (this.sent) return;
      const fields = fieldsOf(this.form);
      if (isSame(this.form, fields, this.began)) {
        if (!this.offered && this.words.bound !== "true") forget(localStorage, this.key);
        return;
      }
      this.offered = null;
      if (!write(localStorage, this.key, { at: Date.now(), fields })) this.say(this.words.full, []);
    }

    submitted(event) {
      if (this.sent) return;
      this.keep();
      const isFresh = this.alive && Date.now() - this.alive < FRESH_MS;
      if (isFresh) {
        this.send();
        return;
      }
      event.preventDefault();
      const submitter = event.submitter;
      this.ask().then((answer) => {
        if (!answer) return;
        this.send();
        this.form.requestSubmit(submitter);
      });
    }

    send() {
      this.sent = true;
      write(sessionStorage, SAVING, this.key);
    }

    looked() {
      if (document.visibilityState === "visible" && !(this.alive && Date.now() - this.alive < FRESH_MS)) this.ask();
    }

    // Ask who is logged in. The form gets a token that fits: a login elsewhere has changed it.
    async ask() {
      let answer = null;
      try {
        const response = await fetch(this.words.session, { headers: { Accept: "application/json" }, cache: "no-store" });
        if (!response.ok) throw new Error(String(response.status));
        answer = await response.json();
      } catch {
        this.alive = 0;
        this.say(this.words.offline, []);
        return false;
      }
      if (answer.user === null) {
        this.alive = 0;
        this.say(this.words.ended, [this.link(this.words.login, this.words.loginUrl)]);
        return false;
      }
      const wasAlive = this.alive;
      this.alive = Date.now();
      for (const input of document.querySelectorAll("[name=csrfmiddlewaretoken]")) input.value = answer.token;
      if (answer.user !== this.words.user) {
        this.words.user = answer.user;
        this.say(this.words.other.replace("{name}", answer.name), []);
        return false; // the next save is theirs, knowingly
      }
      if (!wasAlive) this.say(this.words.again, []);
      return true;
    }

    button(text, act) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "wk-button";
      button.textContent = text;
      button.addEventListener("click", act);
      return button;
    }

    link(text, address) {
      const link = document.createElement("a");
      link.className = "wk-button wk-strong";
      link.href = address;
      link.target = "_blank";
      link.textContent = text;
      return link;
    }

    say(sentence, actions) {
      const text = document.createElement("p");
      text.textContent = sentence;
      this.root.replaceChildren(...(sentence ? [text, ...actions] : []));
      this.root.hidden = !sentence;
      if (sentence && this.root.getBoundingClientRect().bottom < 0) this.root.scrollIntoView({ block: "center" });
    }
  }

  function saveByKey(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "s") return;
    const save = document.querySelector("[name=_continue]") || document.querySelector("[name=_save]");
    if (!save) return;
    event.preventDefault();
    // A field tells what was typed when it is left: leave it before its form is sent.
    if (document.activeElement && document.activeElement !== save) document.activeElement.blur();
    save.click();
  }

  document.addEventListener("DOMContentLoaded", () => {
    forgetOld();
    forgetSaved();
    const root = document.getElementById("keep-typed");
    if (root) new Keeper(root);
    document.addEventListener("keydown", saveByKey);
  });
})();
