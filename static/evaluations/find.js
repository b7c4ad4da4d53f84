// Prompts that match while somebody types; without JavaScript the button shows them.
"use strict";

document.querySelectorAll("form[data-find]").forEach((form) => {
  const box = form.querySelector("[name=prompt]");
  const list = document.getElementById("ev-matches");
  let timer = 0;
  let asked = 0;

  const show = (matches) => {
    const rows = matches.map((match) => {
      const row = document.createElement("li");
      const link = document.createElement("a");
      const name = document.createElement("span");
      row.dir = "auto";
      link.className = "wk-link";
      link.href = match.address;
      link.textContent = match.title;
      name.className = "wk-hint";
      name.textContent = ` ${match.name}`;
      row.append(link, name);
      return row;
    });
    list.replaceChildren(...rows);
  };

  const find = async () => {
    asked += 1;
    const number = asked;
    try {
      const query = new URLSearchParams(new FormData(form));
      const response = await fetch(`${form.dataset.find}?${query}`);
      if (!response.ok) return;
      const answer = await response.json();
      if (number === asked) show(answer.matches);
    } catch {
      // The button still works.
    }
  };

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, 250);
  });
});
