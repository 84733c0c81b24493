// Draws each chart from the table that has its numbers.
"use strict";

(() => {
  // A variable that holds light-dark() is resolved on an element only.
  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };

  const draw = (box) => {
    const table = document.getElementById(box.dataset.chart);
    if (!table) return;
    box.replaceChildren();
    const rows = [...table.querySelectorAll("tbody tr[data-t]")];
    const [when, ...heads] = [...table.querySelectorAll("thead th")].slice(0, 4).map((th) => th.textContent);
    const data = [rows.map((r) => Number(r.dataset.t))];
    for (let i = 0; i < 3; i++) data.push(rows.map((r) => Number(r.dataset.v.split(" ")[i])));
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const kinds = [["--main", [], 2], ["--good", [6, 4], 2], ["--dim", [2, 3], 2]];
    const plot = new uPlot({
      width: box.clientWidth - 16, height: box.clientHeight - 44,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), box.dataset.zone),
      scales: { y: { range: (u, low, high) => [0, Math.max(1, high * 1.08)] } },
      axes: [axis, { ...axis, size: 64 }],
      series: [{ label: when, value: (u, v, series, i) => rows[i]?.querySelector("th").textContent ?? "" }, ...heads.map((label, i) => ({ label, paths: uPlot.paths.stepped({ align: -1 }), stroke: colour(kinds[i][0]), dash: kinds[i][1], width: kinds[i][2], points: { show: rows.length < 40 } }))],
      hooks: { drawClear: [(u) => { // days whose figure is incomplete
        u.ctx.fillStyle = colour("--bad-ground");
        rows.forEach((r, i) => {
          if (!("part" in r.dataset)) return;
          const left = u.valToPos(i ? data[0][i - 1] : data[0][i], "x", true), right = u.valToPos(data[0][i], "x", true);
          u.ctx.fillRect(left, u.bbox.top, Math.max(2, right - left), u.bbox.height);
        });
      }] },
    }, data, box);
    // A click on a day leads to its figure.
    box.onclick = () => {
      const link = plot.cursor.idx != null && rows[plot.cursor.idx]?.querySelector("a");
      if (link) location.href = link.href;
    };
  };
  const all = () => document.querySelectorAll("[data-chart]").forEach(draw);

  all();
  let wait = 0;
  addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(all, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
})();
