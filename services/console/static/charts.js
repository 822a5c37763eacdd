// Charts: drawn by uPlot from the data-chart of their place, in the colours of the style sheet. A click leads to the
// inferences behind a point.
"use strict";

(() => {
  const HEIGHT = 160;
  const drawn = new Map(); // place → plot

  const colour = (tone) => {
    const probe = document.createElement("span");
    probe.className = tone;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  const UNITS = {
    count: (value) => value >= 1e9 ? `${+(value / 1e9).toPrecision(3)}B` : value >= 1e6 ? `${+(value / 1e6).toPrecision(3)}M`
      : value >= 1e4 ? `${+(value / 1e3).toPrecision(3)}k` : `${+value.toPrecision(4)}`,
    seconds: (value) => value < 1 ? `${+(value * 1000).toPrecision(3)} ms` : value < 120 ? `${+value.toPrecision(3)} s`
      : `${+(value / 60).toPrecision(3)} min`,
    usd: (value) => `$${value === 0 ? 0 : value < 1 ? +value.toPrecision(2) : value.toFixed(2)}`,
  };

  const two = (number) => String(number).padStart(2, "0");
  function atWords(seconds, step) {
    const at = new Date(seconds * 1000);
    if (step >= 86400) return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} (UTC)`;
    return at.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
  }

  function stacked(series) {
    const sums = series[0].values.map(() => 0);
    return series.map((one) => one.values.map((value, at) => (sums[at] += value ?? 0)));
  }

  const BARS = uPlot.paths.bars({ size: [0.8, 24, 1] });

  function options(place, chart, colours, width) {
    const faint = colour("axis");
    const grid = { stroke: colour("grid-line"), width: 1 };
    const words = UNITS[chart.unit];
    const font = "11px system-ui, sans-serif";
    const isBars = chart.kind === "bars";
    const half = chart.step_s / 2;
    return {
      width, height: HEIGHT, legend: { show: false }, padding: [8, 20, 0, 0],
      scales: {
        x: { time: true, range: (_, low, high) => [low - half, high + half] },
        y: { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] },
      },
      tzDate: chart.step_s >= 86400 ? (at) => uPlot.tzDate(new Date(at * 1e3), "Etc/UTC") : undefined,
      axes: [
        { stroke: faint, font, grid: { show: false }, ticks: { show: false }, size: 24, gap: 4, values: axisTimes },
        { stroke: faint, font, grid, ticks: { show: false }, size: axisWidth, gap: 6, space: 36,
          values: (_, splits) => splits.map((value) => value === null ? "" : words(value)) },
      ],
      cursor: {
        y: false, points: { show: !isBars, size: 6 },
        drag: { x: true, y: false, setScale: false },
      },
      series: [{}, ...chart.series.map((one, index) => ({
        label: one.label, stroke: colours[index], width: isBars ? 0 : 1.5, spanGaps: false,
        fill: isBars ? colours[index] : undefined,
        paths: isBars ? BARS : undefined,
        points: { show: isBars ? false : (plot, at, first, last) => lonely(plot.data[at], first, last), size: 4, fill: colours[index] },
      }))].map((one, index, all) => index === 0 ? one : all[isBars ? all.length - index : index]),
      hooks: { setCursor: [(plot) => tell(place, chart, plot.cursor.idx)], setSelect: [(plot) => range(chart, plot)] },
    };
  }

  // A point between two gaps would not be seen: then all points are shown.
  function lonely(values, first, last) {
    for (let at = first; at <= last; at++) {
      if (values[at] != null && values[at - 1] == null && values[at + 1] == null) return true;
    }
    return false;
  }

  function axisTimes(plot, splits, _, __, step) {
    let day = "";
    return splits.map((seconds) => {
      const at = new Date(seconds * 1000);
      const date = at.toLocaleDateString(undefined, { month: "short", day: "numeric" });
      const hour = `${two(at.getHours())}:${two(at.getMinutes())}`;
      const isNew = date !== day;
      day = date;
      return step >= 86400 ? date : isNew && hour === "00:00" ? date : hour;
    });
  }

  function axisWidth(plot, values) {
    if (!values) return 32;
    plot.ctx.save();
    plot.ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    const widest = Math.max(...values.map((value) => plot.ctx.measureText(value).width)) / devicePixelRatio;
    plot.ctx.restore();
    return Math.ceil(widest) + 10;
  }

  // Which numbers stand at the cursor, in the legend below.
  function tell(place, chart, index) {
    const card = place.closest(".chart");
    const words = UNITS[chart.unit];
    card.querySelector(".at").textContent = index == null ? "" : atWords(chart.times[index], chart.step_s);
    card.querySelectorAll(".legend .value").forEach((value, at) => {
      const here = index == null ? null : chart.series[at]?.values[index];
      value.textContent = index == null ? value.dataset.total : here == null ? "–" : words(here);
    });
  }

  const iso = (seconds) => new Date(Math.round(seconds) * 1000).toISOString().replace(".000Z", "Z");
  function go(path, from, to, filters) {
    const query = new URLSearchParams({ ...filters, from: iso(from), to: iso(to) });
    window.location.assign(`${path}?${query}`);
  }

  // Dragging over a part of the chart chooses that range for the whole page.
  function range(chart, plot) {
    if (plot.select.width < 8) return;
    const [low, high] = [plot.select.left, plot.select.left + plot.select.width].map((at) => plot.posToVal(at, "x"));
    const floor = (at) => Math.floor(at / chart.step_s) * chart.step_s;
    const rest = Object.fromEntries([...new URLSearchParams(location.search)]
      .filter(([name]) => !["from", "to", "window", "cursor"].includes(name)));
    go(location.pathname, floor(low), Math.min(floor(high) + chart.step_s, Math.ceil(Date.now() / 1000)), rest);
  }

  function onClick(chart, plot) {
    const { idx, top } = plot.cursor;
    if (idx == null || plot.select.width >= 8) return;
    let filters = {};
    if (chart.kind === "bars") {
      const value = plot.posToVal(top, "y");
      let sum = 0;
      for (const one of chart.series) {
        sum += one.values[idx] ?? 0;
        if (value <= sum) { filters = one.filters; break; }
      }
    }
    go("/inferences", chart.times[idx], chart.times[idx] + chart.step_s, filters);
  }

  function draw(place) {
    const chart = JSON.parse(place.dataset.chart);
    const colours = chart.series.map((one) => colour(one.tone));
    const width = place.clientWidth;
    // The tallest stack is drawn first and the others over it.
    const values = chart.kind === "bars" ? stacked(chart.series).reverse() : chart.series.map((one) => one.values);
    place.replaceChildren();
    const plot = new uPlot(options(place, chart, colours, width), [chart.times, ...values], place);
    plot.over.addEventListener("click", () => onClick(chart, plot));
    drawn.set(place, plot);
  }

  function forget() {
    for (const [place, plot] of drawn) {
      if (place.isConnected) continue;
      plot.destroy();
      drawn.delete(place);
    }
  }

  document.addEventListener("console:ready", (event) => {
    forget();
    for (const place of event.detail.root.querySelectorAll(".plot[data-chart]")) draw(place);
  });
  new ResizeObserver(() => {
    for (const [place, plot] of drawn) {
      if (place.clientWidth && place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: HEIGHT });
    }
  }).observe(document.documentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const [place, plot] of [...drawn]) { plot.destroy(); draw(place); }
  });
})();
