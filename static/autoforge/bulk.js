// A long action goes on by itself; without JavaScript a button does it.
"use strict";

document.querySelectorAll("form[data-goes-on]").forEach((form) => {
  form.querySelectorAll("button").forEach((button) => {
    button.disabled = true;
  });
  form.submit();
});
