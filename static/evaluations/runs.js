// Watches a run: asks for its progress and shows it, then loads the page anew when it has ended.
(function () {
  "use strict";

  const EVERY_MS = 1000;
  const FILL_EVERY_MS = 3000;
  const LONGEST_WAIT_MS = 15000;
  const panel = document.getElementById("ev-live");
  if (!panel) return;
  const words = JSON.parse(document.getElementById("ev-words").textContent);
  const language = document.documentElement.lang || "en";
  const number = new Intl.NumberFormat(language);
  const rate = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const money = new Intl.NumberFormat(language, { style: "currency", currency: "USD", minimumFractionDigits: 4 });
  const title = document.title;
  let wait = EVERY_MS;
  let filled = { done: 0, at: 0 };

  function show(name, text) {
    for (const element of panel.querySelectorAll(`[data-ev="${name}"]`)) element.textContent = text;
  }

  // Columns have the same figures, in a table below.
  function showColumns(columns) {
    for (const [key, found] of Object.entries(columns)) {
      for (const cell of document.querySelectorAll(`[data-column="${key}"] [data-ev]`)) {
        const value = found[cell.dataset.ev];
        if (value != null) cell.textContent = cell.dataset.ev === "cost" ? money.format(value) : number.format(value);
      }
    }
  }

  function lasting(seconds) {
    if (seconds == null || !isFinite(seconds)) return "–";
    const whole = Math.round(seconds);
    return whole < 90 ? `${whole} s` : `${Math.round(whole / 60)} min`;
  }

  function draw(found) {
    const bar = panel.querySelector("progress");
    bar.max = Math.max(1, found.planned);
    bar.value = found.done;
    show("status", found.status_text);
    show("done", `${number.format(found.done)} / ${number.format(found.planned)}`);
    for (const name of ["passed", "failed", "errors", "unchecked", "cached"]) show(name, number.format(found[name]));
    show("cost", money.format(found.cost));
    show("rate", found.rate == null ? "–" : words.rate.replace("{}", rate.format(found.rate)));
    show("left", lasting(found.seconds_left));
    show("message", found.message || "");
    showColumns(found.columns);
    document.title = `${Math.floor((100 * found.done) / bar.max)} % · ${title}`;
  }

  // The grid shows answers as they come; somebody who is inside of it is not disturbed.
  async function fill(done) {
    if (done === filled.done || Date.now() - filled.at < FILL_EVERY_MS) return;
    filled = { done, at: Date.now() };
    const response = await fetch(window.location.href);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const [old, fresh] = [document, page].map((one) => one.querySelector(".ev-grid tbody"));
    if (old && fresh && !old.contains(document.activeElement)) old.replaceWith(fresh);
  }

  async function look() {
    try {
      const response = await fetch(panel.dataset.url, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      const found = await response.json();
      wait = EVERY_MS;
      draw(found);
      if (!found.active) {
        window.location.reload();
        return;
      }
      await fill(found.done);
    } catch {
      // The server is away or being started anew: the page keeps what it shows and asks again.
      wait = Math.min(LONGEST_WAIT_MS, wait * 2);
      show("message", words.away);
    }
    window.setTimeout(look, document.hidden ? LONGEST_WAIT_MS : wait);
  }

  look();
})();
