// Small pictures of numbers, as SVG with a sentence for who cannot see them.

import { h, percent, s, t } from "./dom.js";

const WIDTH = 320;

function frame(height, label, ...children) {
  return s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "chart", role: "img", "aria-label": label }, ...children);
}

/** How often the patches gave each probability, in ten bins. */
export function histogram(values, label) {
  const height = 108;
  const [left, right, top, bottom] = [4, 4, 18, 22];
  const bins = new Array(10).fill(0);
  for (const p of values) bins[Math.min(9, Math.floor(p * 10))] += 1;
  const most = Math.max(1, ...bins);
  const step = (WIDTH - left - right) / 10;
  const bars = bins.map((count, i) => {
    const tall = ((height - top - bottom) * count) / most;
    const x = left + i * step;
    return [
      s("rect", { x: x + 2, y: height - bottom - tall, width: step - 4, height: tall, rx: 2, class: "bar" }),
      count ? s("text", { x: x + step / 2, y: height - bottom - tall - 4, class: "tick middle" }, String(count)) : null,
    ];
  });
  const ticks = [0, 0.5, 1].map((p) =>
    s("text", { x: left + p * (WIDTH - left - right), y: height - 6, class: `tick ${p === 0 ? "" : p === 1 ? "end" : "middle"}` }, String(p)),
  );
  const axis = s("line", { x1: left, x2: WIDTH - right, y1: height - bottom, y2: height - bottom, class: "axis" });
  return frame(height, label, ...bars.flat(), axis, ...ticks);
}

/** AUC over labels: full dots are models that were adopted. */
export function learningCurve(points, currentModel) {
  const known = points.filter((point) => Number.isFinite(point.auc));
  if (known.length === 0) return h("p", { class: "muted" }, t("noCurve"));
  const height = 190;
  const [left, right, top, bottom] = [38, 12, 12, 26];
  const most = Math.max(1, ...known.map((point) => point.labels));
  const lowest = Math.min(...known.map((point) => point.auc));
  const floor = Math.min(0.9, Math.floor(lowest * 10) / 10);
  const x = (labels) => left + (labels / most) * (WIDTH - left - right);
  const y = (auc) => top + ((1 - auc) / (1 - floor)) * (height - top - bottom);
  const rows = gridOf(floor).map((auc) => [
    s("line", { x1: left, x2: WIDTH - right, y1: y(auc), y2: y(auc), class: "grid" }),
    s("text", { x: left - 6, y: y(auc) + 4, class: "tick end" }, auc.toFixed(2)),
  ]);
  const adopted = known.filter((point) => point.adopted);
  const line = s("polyline", { points: adopted.map((point) => `${x(point.labels)},${y(point.auc)}`).join(" "), class: "curve" });
  const dots = known.map((point) =>
    s(
      "circle",
      { cx: x(point.labels), cy: y(point.auc), r: point.model === currentModel ? 5 : 3.5, class: point.adopted ? "dot" : "dot open" },
      s("title", {}, t(point.adopted ? "curvePoint" : "curvePointNot", { labels: point.labels, auc: point.auc.toFixed(3) })),
    ),
  );
  const columns = [0, most].map((labels, i) =>
    s("text", { x: x(labels), y: height - 6, class: `tick ${i ? "end" : ""}` }, i ? t("curveLabels", { n: labels }) : "0"),
  );
  const last = adopted.at(-1) ?? known.at(-1);
  const label = t("curveSays", { n: known.length, labels: last.labels, auc: last.auc.toFixed(3) });
  return frame(height, label, ...rows.flat(), ...columns, line, ...dots);
}

function gridOf(floor) {
  const step = 1 - floor > 0.35 ? 0.2 : 1 - floor > 0.15 ? 0.1 : 0.05;
  const count = Math.floor((1 - floor) / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => 1 - i * step);
}

/** Rows of {name, values: [{share, text, kind}]} as bars from the left. */
export function bars(rows, kind = "") {
  return h(
    "div",
    { class: `bars ${kind}` },
    rows.map(({ name, values, strong }) =>
      h(
        "div",
        { class: "bar-row" },
        h("span", { class: strong ? "bar-name strong" : "bar-name", title: name }, name),
        h(
          "div",
          { class: "bar-tracks" },
          values.map(({ share, text, kind }) => {
            const fill = h("div", { class: `bar-fill ${kind ?? ""}` });
            fill.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
            return h("div", { class: "bar-line" }, h("div", { class: "bar-track" }, fill), h("span", { class: "bar-value" }, text ?? percent(share)));
          }),
        ),
      ),
    ),
  );
}

/** A bar of how far something is. */
export function meter(done, total, label) {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const fill = h("div", { class: "meter-fill" });
  fill.style.width = `${share * 100}%`;
  return h("div", { class: "meter", role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": String(total), "aria-valuenow": String(done) }, fill);
}
