// Watches a run: asks for its progress and shows it, then loads the page anew when it has ended.
(function () {
  "use strict";

  const EVERY_MS = 1000;
  const LONGEST_WAIT_MS = 15000;
  const panel = document.getElementById("ev-live");
  if (!panel) return;
  const words = JSON.parse(document.getElementById("ev-words").textContent);
  const language = document.documentElement.lang || "en";
  const number = new Intl.NumberFormat(language);
  const money = new Intl.NumberFormat(language, { style: "currency", currency: "USD", minimumFractionDigits: 4 });
  let wait = EVERY_MS;

  function show(name, text) {
    for (const element of panel.querySelectorAll(`[data-ev="${name}"]`)) element.textContent = text;
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
    for (const name of ["passed", "failed", "errors", "cached"]) show(name, number.format(found[name]));
    show("cost", money.format(found.cost));
    show("rate", found.rate == null ? "–" : `${number.format(Math.round(found.rate * 10) / 10)}/s`);
    show("left", lasting(found.seconds_left));
    show("message", found.message || "");
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
    } catch {
      // The server is away or being started anew: the page keeps what it shows and asks again.
      wait = Math.min(LONGEST_WAIT_MS, wait * 2);
      show("message", words.away);
    }
    window.setTimeout(look, document.hidden ? LONGEST_WAIT_MS : wait);
  }

  look();
})();
