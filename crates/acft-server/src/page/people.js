// Who may label: for administrators, while the project is served.

import { open } from "./dialogs.js";
import { button, h, sentences, t } from "./dom.js";
import { announce } from "./say.js";

/** Lists the people, takes tokens back, and makes new ones. */
export async function showPeople(api, session) {
  const list = h("div", { class: "people" });
  const news = h("div", { role: "status" });
  const trouble = (error) => news.replaceChildren(h("p", { class: "callout" }, sentences(error.message, error.help)));

  async function load() {
    const people = await api.get("/api/annotators");
    list.replaceChildren(...people.map(row));
  }

  function row({ annotator, role, labels }) {
    const what = role ? t(`role_${role}`) : t("roleNone");
    // Nobody locks themselves out by a slip of the hand.
    const mine = annotator === session.annotator;
    return h("div", { class: "person" },
      h("b", {}, annotator),
      h("span", { class: "muted" }, `${what} · ${t("expertRow", { labels })}`),
      role && !mine ? button(t("revoke"), { kind: "small", "aria-label": t("revokeOf", { name: annotator }), onclick: (event) => revoke(annotator, event.currentTarget) }) : null);
  }

  async function revoke(annotator, asked) {
    // Asked twice: a token that was taken back cannot be given again.
    if (!asked.classList.contains("sure")) {
      asked.classList.add("sure");
      asked.querySelector("span").textContent = t("revokeSure");
      return;
    }
    try {
      await api.post("/api/annotators/revoke", { annotator });
      news.replaceChildren(h("p", {}, t("revoked", { name: annotator })));
      announce(t("revoked", { name: annotator }));
      await load();
    } catch (error) {
      trouble(error);
    }
  }

  async function add(field, admin) {
    const annotator = field.value.trim();
    try {
      const added = await api.post("/api/annotators/add", { annotator, role: admin.checked ? "administrator" : "annotator" });
      const link = `${location.origin}/#token=${added.token}`;
      news.replaceChildren(
        h("p", {}, t("tokenMade", { name: annotator })),
        h("input", { readonly: true, value: link, "aria-label": t("tokenLink"), onfocus: (event) => event.target.select() }),
      );
      field.value = "";
      admin.checked = false;
      await load();
    } catch (error) {
      trouble(error);
    }
  }

  load().catch(trouble);
  return open(t("people"), (close) => {
    const field = h("input", { required: true, maxlength: "64", autocomplete: "off", "aria-label": t("newName"), placeholder: t("newName") });
    const admin = h("input", { type: "checkbox" });
    const submit = (event) => {
      event.preventDefault();
      add(field, admin);
    };
    return [
      list,
      h("form", { onsubmit: submit },
        h("div", { class: "row" }, field, button(t("makeToken"), { kind: "primary", type: "submit" })),
        h("label", { class: "switch" }, admin, t("asAdministrator"))),
      news,
      h("div", { class: "dialog-buttons" }, button(t("close"), { onclick: () => close(null) })),
    ];
  });
}
