// The console's own script: dialogs, messages, and what Alpine's strict build needs named. Pages work without it.
"use strict";

let opener = null;

function opened(dialog) {
  if (dialog.open) return;
  if (!opener || !opener.isConnected) opener = document.activeElement;
  dialog.showModal();
  const first = dialog.querySelector("[aria-invalid=true], [autofocus], input:not([type=hidden]), select, button");
  if (first) first.focus();
}

function closed(dialog) {
  dialog.remove();
  if (opener && opener.isConnected) opener.focus();
  opener = null;
}

// A field is wrong while a problem is told beside it.
function marked(form) {
  for (const told of form.querySelectorAll(".problem[id]")) {
    const field = document.getElementById(told.id.replace("problem-", "field-"));
    if (!field) continue;
    if (told.hidden) field.removeAttribute("aria-invalid");
    else field.setAttribute("aria-invalid", "true");
  }
}

document.addEventListener("htmx:afterSettle", (event) => {
  for (const dialog of document.querySelectorAll("dialog[data-modal]")) {
    if (!dialog.dataset.ready) {
      dialog.dataset.ready = "yes";
      dialog.addEventListener("close", () => closed(dialog));
    }
    opened(dialog);
  }
  const place = document.getElementById("test-result");
  if (!place || !["test-result", "test"].includes(event.detail.target.id)) return;
  const form = place.closest("form");
  marked(form);
  const wrong = form.querySelector("[aria-invalid=true]");
  if (wrong) wrong.focus();
  else if (place.querySelector("[data-result]") || event.detail.target === place) place.scrollIntoView({ block: "nearest" });
});

document.addEventListener("click", (event) => {
  const closing = event.target.closest("[data-close]");
  if (closing) {
    event.preventDefault();
    closing.closest("dialog").close();
  }
});

// A part that is taken out of an answer is in no answer that tells a fault: what was shown stays, and is said to be old.
function selects(event) {
  return event.detail.requestConfig.elt.hasAttribute("hx-select");
}

function told(unanswered) {
  for (const place of document.querySelectorAll("[data-unanswered]")) place.hidden = !unanswered;
}

// A form that the server answers with its faults (422, 403, 503, ...) is shown again, not dropped.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400 && !selects(event)) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  told(selects(event) ? !event.detail.successful : event.detail.xhr.status === 0);
});

// A second click while the first one is under way would do the same once more.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});

window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

document.addEventListener("alpine:init", () => {
  window.Alpine.data("reveal", () => ({
    shown: false,
    get kind() { return this.shown ? "text" : "password"; },
    toggle() { this.shown = !this.shown; },
  }));
  window.Alpine.data("dismissable", () => ({
    open: true,
    dismiss() { this.open = false; },
  }));
});
