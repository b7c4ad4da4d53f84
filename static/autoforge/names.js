// Names for what the theme's and Django's own widgets leave without one.
(function () {
  "use strict";

  // select2 draws a box of its own beside a select: it is called what the select is called.
  function nameBoxes() {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
      const box = select.parentElement.querySelector(".select2-selection");
      const shown = box && box.querySelector(".select2-selection__rendered");
      if (!label || !shown) continue;
      label.id ||= `${select.id}-label`;
      box.setAttribute("aria-labelledby", `${label.id} ${shown.id}`);
      shown.setAttribute("aria-labelledby", label.id);
    }
    for (const icon of document.querySelectorAll(".help-tooltip[aria-label]:not([role])")) icon.setAttribute("role", "img");
  }

  window.addEventListener("load", () => {
    nameBoxes();
    const form = document.querySelector("#content-main form");
    if (form) new MutationObserver(nameBoxes).observe(form, { childList: true, subtree: true });
  });
})();
