#include "report/page.hpp"

namespace vox::report {

const std::string_view kPageStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #15181d; --soft: #5c6470; --line: #e3e6eb; --warn: #b3261e;
  --c0: #2a78d6; --c1: #d1493f; --c2: #12936a; --c3: #b97a00; --c4: #6a4fc4; --c5: #c94f8a; --c6: #0f8ea3; --c7: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1d2026; --ink: #e8eaee; --soft: #9aa3af; --line: #31363f; --warn: #ff8a80;
    --c0: #5aa2f0; --c1: #f0776d; --c2: #3cc296; --c3: #e0a83a; --c4: #a38ff0; --c5: #ec85b5; --c6: #45c0d3; --c7: #9aa3af;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 12px; }
h3 { font-size: 15px; margin: 0; }
p { margin: 6px 0; }
.soft, figcaption span { color: var(--soft); }
.warn { color: var(--warn); font-size: 13px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; margin: 0; }
.grid { display: grid; gap: 16px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 390px), 1fr)); }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); margin-top: 20px; }
.tiles .card { padding: 10px 14px; }
.tiles b { display: block; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 13px; }
figcaption { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; flex-wrap: wrap; }
figcaption span { font-size: 12px; }
.chart { position: relative; }
svg { display: block; width: 100%; height: auto; margin-top: 6px; overflow: visible; }
svg text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .base, svg .mark { stroke: var(--soft); stroke-width: 1; }
svg .curve, svg .raw { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .raw { stroke-width: 1; opacity: 0.3; }
svg .cursor { stroke: var(--soft); stroke-dasharray: 3 3; visibility: hidden; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; list-style: none; margin: 6px 0 0; padding: 0; font-size: 13px; color: var(--soft); }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
.tip { position: absolute; pointer-events: none; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  box-shadow: 0 4px 16px rgba(0, 0, 0, 0.18); padding: 6px 10px; font-size: 12.5px; white-space: nowrap; display: none; z-index: 2;
  font-variant-numeric: tabular-nums; }
.tip i { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 6px; }
.slices { display: grid; gap: 16px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 560px), 1fr)); }
.slice .titles { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; text-align: center; font-size: 12px; color: var(--soft);
  margin-top: 8px; }
.slice .titles span { overflow: hidden; text-overflow: ellipsis; }
.slice img { display: block; width: 100%; border-radius: 6px; background: #000; margin-top: 4px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { color: var(--soft); font-weight: 500; font-size: 13px; }
tr:last-child td { border-bottom: 0; }
.bar { width: 40%; }
.bar i { display: block; height: 9px; border-radius: 4px; background: var(--c0); }
pre { margin: 0; overflow-x: auto; font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; max-height: 560px; }
pre .note { color: var(--soft); }
@media print { .card { break-inside: avoid; } pre { max-height: none; } }
)css";

// Shows the values under the pointer; the curves themselves are drawn without it.
const std::string_view kPageScript = R"js(
'use strict';
for (const chart of document.querySelectorAll('.chart')) {
  const svg = chart.querySelector('svg');
  const cursor = svg.querySelector('.cursor');
  const data = JSON.parse(chart.querySelector('script').textContent);
  const [left, right, top, bottom] = data.plot;
  const tip = document.createElement('div');
  tip.className = 'tip';
  chart.append(tip);
  const nearest = (steps, step) => {
    let low = 0, high = steps.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) low = middle; else high = middle;
    }
    return Math.abs(steps[low] - step) < Math.abs(steps[high] - step) ? low : high;
  };
  const row = (text, colour) => {
    const line = document.createElement('div');
    if (colour !== undefined) {
      const mark = document.createElement('i');
      mark.style.background = `var(--c${colour % 8})`;
      line.append(mark);
    }
    line.append(text);
    return line;
  };
  const hide = () => { tip.style.display = 'none'; cursor.style.visibility = 'hidden'; };
  svg.addEventListener('pointerleave', hide);
  svg.addEventListener('pointermove', (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    const wanted = data.x[0] + (data.x[1] - data.x[0]) * (x - left) / (right - left);
    let step = null;
    for (const series of data.series) {
      if (!series.steps.length) continue;
      const here = series.steps[nearest(series.steps, wanted)];
      if (step === null || Math.abs(here - wanted) < Math.abs(step - wanted)) step = here;
    }
    if (x < left - 8 || x > right + 8 || step === null) return hide();
    tip.replaceChildren(row(`${data.axis} ${step}`));
    data.series.forEach((series, colour) => {
      const at = series.steps.length ? nearest(series.steps, step) : -1;
      if (at < 0 || series.steps[at] !== step) return;
      const value = series.values[at];
      tip.append(row(`${series.name}  ${value === null ? 'not finite' : Number(value.toPrecision(5))}`, colour));
    });
    const across = left + (right - left) * (step - data.x[0]) / (data.x[1] - data.x[0]);
    for (const [name, place] of [['x1', across], ['x2', across], ['y1', top], ['y2', bottom]]) cursor.setAttribute(name, place);
    cursor.style.visibility = 'visible';
    tip.style.display = 'block';
    const frame = chart.getBoundingClientRect();
    const beside = event.clientX - frame.left + 14;
    tip.style.left = `${Math.max(4, Math.min(beside, frame.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${event.clientY - frame.top + 16}px`;
  });
}
)js";

}  // namespace vox::report
