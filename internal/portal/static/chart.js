// Draws each chart from the table that has its numbers.
"use strict";

(() => {
  let paper = false; // it is printed: on white, whatever the theme is
  const paperWidth = 680;

  // A variable that holds light-dark() is resolved on an element only.
  const colour = (name) => {
    const probe = document.createElement("i");
    if (paper) probe.style.colorScheme = "light";
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };

  const kinds = [["--main", []], ["--good", [6, 4]], ["--dim", [2, 3]]];
  const barsWide = 0.7; // of the room of a month

  // Where the bar of a series begins in the room of a row, and how wide it is, in pixels of the canvas or of the page.
  const bar = (u, i, k, canvas) => {
    const room = u.valToPos(1, "x", canvas) - u.valToPos(0, "x", canvas);
    const wide = Math.min(room * barsWide, 96 * (canvas ? devicePixelRatio : 1)) / kinds.length;
    return [u.valToPos(i, "x", canvas) + (k - kinds.length / 2) * wide, wide];
  };

  // Where nothing is known before and after a day, it has no line, and is seen as a point.
  const alone = (values) => values.flatMap((v, i) => v != null && values[i - 1] == null && values[i + 1] == null ? [i] : []);

  const plots = new Map(); // by their boxes

  const draw = (box) => {
    const table = document.getElementById(box.dataset.chart);
    if (!table) return;
    for (const [of, plot] of plots) if (of === box || !of.isConnected) { plot.destroy(); plots.delete(of); }
    box.replaceChildren();
    const bars = "bars" in box.dataset, small = box.classList.contains("small");
    const rows = [...table.querySelectorAll("tbody tr[data-t]")];
    const [when, ...heads] = [...table.querySelectorAll("thead th")].slice(0, 4).map((th) => th.textContent);
    const names = rows.map((r) => r.querySelector("th").textContent);
    const data = [rows.map((r, i) => bars ? i : Number(r.dataset.t))];
    for (let k = 0; k < kinds.length; k++) data.push(rows.map((r) => r.dataset.v ? Number(r.dataset.v.split(" ")[k]) : null)); // null: not known, which is no zero
    const zone = { timeZone: box.dataset.zone };
    const day = new Intl.DateTimeFormat(document.documentElement.lang, { ...zone, day: "numeric", month: "short" });
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const across = bars
      ? { ...axis, space: 64, incrs: [1, 2, 3, 6, 12, 24], grid: { show: false }, values: (u, at) => at.map((i) => Number.isInteger(i) && rows[i] ? names[i].split(",")[0].replace(/^(\S{3})\S*/, "$1") : "") }
      : { ...axis, space: 64, values: (u, at) => at.map((t) => day.format(new Date(t * 1000))) };
    const colours = kinds.map(([name]) => colour(name)), uncertain = colour("--bad-ground");
    const plot = new uPlot({
      width: (paper ? Math.min(paperWidth, box.clientWidth) : box.clientWidth) - 16, height: box.clientHeight - (small ? 12 : 44),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), box.dataset.zone),
      legend: { show: !small },
      cursor: { drag: { x: false, y: false } },
      scales: { x: bars ? { time: false, range: [-0.6, rows.length - 0.4] } : {}, y: { range: (u, low, high) => [0, Math.max(1, high * 1.08)] } },
      axes: small ? [{ ...across, size: 32 }, { ...axis, size: 52, space: 22 }] : [across, { ...axis, size: 64 }],
      series: [{ label: when, value: (u, v, series, i) => names[i] ?? "" }, ...heads.map((label, k) => ({
        label, stroke: colours[k], width: 2, dash: kinds[k][1], points: { show: !bars && rows.length < 40, fill: colours[k], filter: (u, of, all) => all || bars ? null : alone(data[of]) },
        ...(bars ? { paths: () => null, fill: colours[k] } : { paths: uPlot.paths.stepped({ align: -1 }) }),
      }))],
      hooks: {
        drawClear: [(u) => { // where the figure is incomplete
          u.ctx.fillStyle = uncertain;
          rows.forEach((r, i) => {
            if (!("part" in r.dataset)) return;
            const from = u.valToPos(bars ? i - 0.5 : data[0][Math.max(0, i - 1)], "x", true), to = u.valToPos(bars ? i + 0.5 : data[0][i], "x", true);
            u.ctx.fillRect(from, u.bbox.top, Math.max(2, to - from), u.bbox.height);
          });
        }],
        draw: bars ? [(u) => {
          const ground = u.valToPos(0, "y", true);
          for (let k = 0; k < kinds.length; k++) rows.forEach((r, i) => {
            if (data[k + 1][i] == null) return;
            const [left, wide] = bar(u, i, k, true), top = u.valToPos(data[k + 1][i], "y", true);
            u.ctx.fillStyle = colours[k];
            u.ctx.fillRect(left, Math.min(top, ground - 1), wide - 1, Math.max(1, ground - top));
          });
        }] : [],
      },
    }, data, box);
    plots.set(box, plot);

    // A click on a line or a bar leads to the workloads behind it, as the link of its cell does.
    box.onclick = () => {
      const { idx, left, top } = plot.cursor;
      if (idx == null || left < 0) return;
      let nearest = 0;
      if (bars) nearest = Math.min(kinds.length - 1, Math.max(0, Math.floor((left - bar(plot, idx, 0, false)[0]) / bar(plot, idx, 0, false)[1])));
      else for (let k = 1; k < kinds.length; k++) if (Math.abs(plot.valToPos(data[k + 1][idx], "y") - top) < Math.abs(plot.valToPos(data[nearest + 1][idx], "y") - top)) nearest = k;
      const cells = rows[idx].querySelectorAll("td a");
      (cells[nearest] ?? rows[idx].querySelector("a"))?.click();
    };
  };
  const all = () => document.querySelectorAll("[data-chart]").forEach(draw);

  all();
  let wait = 0;
  addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(all, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  document.addEventListener("htmx:after:swap", (event) => event.target.querySelectorAll?.("[data-chart]:empty").forEach(draw)); // one that came later

  // On paper the numbers stand below each chart.
  let opened = [];
  addEventListener("beforeprint", () => {
    paper = true;
    opened = [...document.querySelectorAll("details:not([open]):has(table[id])")];
    for (const d of opened) d.open = true;
    all();
  });
  addEventListener("afterprint", () => {
    paper = false;
    for (const d of opened) d.open = false;
    all();
  });
})();
