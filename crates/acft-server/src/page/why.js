// Why a candidate was chosen, and what the network made of it. Only shown
// once the label is given, unless the project wants it before.

import { h, percent, t } from "./dom.js";
import { bars, histogram } from "./charts.js";

export function renderWhy(target, entry, className) {
  if (!entry) return target.replaceChildren(h("p", { class: "muted" }, t("whyNothing")));
  const { assignment, why } = entry;
  const head = h(
    "header",
    { class: "panel-lead" },
    h("strong", {}, assignment.name),
    h("span", { class: "muted" }, entry.kind ? describeVerdict(entry, className) : t("whyBefore")),
  );
  if (!why) return target.replaceChildren(head, h("p", {}, reasonWithout(entry)));
  const shown = Math.max(0, why.classes.indexOf(why.dominant));
  target.replaceChildren(
    head,
    h("p", {}, sentence(entry, className)),
    ...(why.predictions.length && why.classes.length
      ? [section("whyMean", meanBars(why, className)), section("whyPatches", patchHistogram(why, shown, className))]
      : []),
    numbers(why),
  );
}

function section(key, ...children) {
  return h("section", {}, h("h3", {}, t(key)), ...children);
}

function describeVerdict(entry, className) {
  return entry.kind === "skip" ? t("youSkipped") : t("youSaid", { name: className(entry.class) });
}

function reasonWithout(entry) {
  if (entry.kind && !entry.saved) return t("whyUnsaved");
  return t("whyRandom");
}

function sentence({ assignment, why, kind, class: given }, className) {
  const ahead = assignment.draw === "ahead" ? t("whyAhead") : t("whyQuery");
  const rank = why.rank ? t(why.ranking_size ? "whyRankOf" : "whyRank", { rank: why.rank, size: why.ranking_size }) : "";
  let verdict = "";
  if (kind === "label" && why.dominant !== null) verdict = given === why.dominant ? t("whyAgreed") : t("whyDisagreed", { name: className(why.dominant) });
  return [verdict, ahead, rank].filter(Boolean).join(" ");
}

function meanBars(why, className) {
  return bars(
    why.classes.map((id, i) => ({
      name: className(id),
      strong: id === why.dominant,
      values: [{ share: why.mean[i], kind: id === why.dominant ? "" : "quiet" }],
    })),
  );
}

function patchHistogram(why, column, className) {
  const holder = h("div", {});
  const draw = (i) => {
    const name = className(why.classes[i]);
    const values = why.predictions.map((row) => row[i]);
    const high = values.filter((p) => p >= 0.5).length;
    holder.replaceChildren(
      h("p", { class: "muted" }, t("whyVotes", { high, all: values.length, name })),
      histogram(values, t("whyHistogram", { name, values: values.map(percent).join(", ") })),
    );
  };
  draw(column);
  if (why.classes.length < 3) return holder;
  const select = h(
    "select",
    { "aria-label": t("class"), onchange: (event) => draw(Number(event.target.value)) },
    why.classes.map((id, i) => h("option", { value: String(i), selected: i === column }, className(id))),
  );
  return h("div", { class: "stack" }, select, holder);
}

function numbers(why) {
  const rows = [
    ["score", why.score],
    ["entropy", why.entropy],
    ["diversity", why.diversity],
  ].filter(([, value]) => Number.isFinite(value));
  return h(
    "dl",
    { class: "numbers" },
    rows.map(([key, value]) => h("div", {}, h("dt", { title: t(`${key}Help`) }, t(key)), h("dd", {}, value.toFixed(3)))),
    why.rank ? h("div", {}, h("dt", {}, t("rank")), h("dd", {}, [why.rank, why.ranking_size].filter(Boolean).join(" / "))) : null,
  );
}

