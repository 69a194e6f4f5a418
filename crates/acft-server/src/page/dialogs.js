// The few things that the page asks in words.

import { button, focusStage, h, t } from "./dom.js";

/** Opens a dialog and resolves to what `close` was called with. */
export function open(title, build, { dismissable = true } = {}) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-label": title });
    let answer = null;
    const close = (value) => {
      answer = value;
      dialog.close();
    };
    dialog.append(h("h2", {}, title), ...build(close));
    dialog.addEventListener("cancel", (event) => dismissable || event.preventDefault());
    dialog.addEventListener("click", (event) => dismissable && event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      focusStage();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks for the annotator's token until there is one. */
export function askToken(wasWrong) {
  return open(
    t("tokenTitle"),
    (close) => {
      const field = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, autofocus: true, "aria-label": t("token") });
      return [
        h("p", {}, t(wasWrong ? "tokenWrong" : "tokenHelp")),
        form(field, () => close(field.value.trim()), button(t("continue"), { kind: "primary", type: "submit" })),
      ];
    },
    { dismissable: false },
  );
}

/** Asks for a note; resolves to {note}, {remove: true} or null. */
export function askNote(flags) {
  const before = flags[0];
  return open(t("flagTitle"), (close) => {
    const field = h("textarea", { rows: "3", maxlength: "500", autofocus: true, "aria-label": t("note"), placeholder: t("notePlaceholder") });
    field.value = before?.note ?? "";
    // Enter keeps the note: most are one line, and the hands are on the keys.
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      close({ note: field.value.trim() });
    });
    return [
      h("p", {}, t("flagHelp")),
      form(
        field,
        () => close({ note: field.value.trim() }),
        before ? button(t("unflag"), { onclick: () => close({ remove: true }) }) : null,
        button(t("cancel"), { onclick: () => close(null) }),
        button(t("flagSave"), { kind: "primary", type: "submit" }),
      ),
    ];
  });
}

function form(field, onsubmit, ...buttons) {
  const submit = (event) => {
    event.preventDefault();
    if (field.reportValidity()) onsubmit();
  };
  return h("form", { onsubmit: submit }, field, h("div", { class: "dialog-buttons" }, buttons));
}
