// The live page: polls the graph once a second, and each stream's next picture as soon as the last one is shown.
"use strict";

const EACH_MS = 1000;
const PICTURE_MS = 100; // at most ten pictures a second
const AGAIN_MS = 2000; // after an error
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const number = (value, digits = 1) => (value === null || value === undefined ? "-" : value.toFixed(digits));
const percent = (share) => `${Math.round(share * 100)} %`;
const total = (reasons) => Object.values(reasons).reduce((sum, count) => sum + count, 0);
const well = (state) => state === "live" || state === "ended";

function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// One figure and one loop per stream; a hidden page fetches nothing.
const shown = new Map();

function showStreams(streams) {
  byId("streams").classList.toggle("one", streams.length === 1);
  for (const stream of streams) {
    let figure = shown.get(stream.name);
    if (!figure) {
      const words = element("span", { class: "words" });
      const image = element("img", { alt: `live picture of ${stream.name}` });
      figure = element("figure", { class: "stream" }, image, element("figcaption", {}, element("b", {}, stream.name), " ", words));
      shown.set(stream.name, figure);
      byId("streams").append(figure);
      watch(stream.name, image);
    }
    figure.classList.toggle("bad", !well(stream.state));
    const rate = stream.rate;
    const parts = [stream.state, `${number(rate.fps)} fps`, `${number(rate.p50_ms, 0)} ms`, `window ${percent(rate.window_used)}`];
    const lost = total(stream.frames.dropped) + total(stream.frames.failed) + total(stream.skipped);
    if (lost) parts.push(`${lost} lost`);
    if (stream.reconnects) parts.push(`${stream.reconnects} reconnects`);
    for (const [label, count] of Object.entries(stream.found)) parts.push(`${count} ${label}`);
    figure.querySelector(".words").textContent = parts.join(", ");
  }
}

async function watch(stream, image) {
  let after = "0";
  for (;;) {
    if (document.hidden) {
      await pause(EACH_MS);
      continue;
    }
    const started = performance.now();
    try {
      const answer = await fetch(`/streams/${encodeURIComponent(stream)}.jpg?after=${after}`);
      if (answer.status === 200) {
        after = answer.headers.get("X-Picture");
        const before = image.src;
        image.src = URL.createObjectURL(await answer.blob());
        image.dataset.number = after;
        if (before) URL.revokeObjectURL(before);
      } else if (answer.status !== 204) {
        await pause(AGAIN_MS);
      }
    } catch {
      await pause(AGAIN_MS);
    }
    await pause(Math.max(0, PICTURE_MS - (performance.now() - started)));
  }
}

// Stages in columns by distance from a source.
const BOX = { width: 150, height: 64, across: 44, down: 18 };

function drawGraph(view) {
  const stages = new Map(view.stages.map((stage) => [stage.name, stage]));
  const depths = new Map();
  const depth = (name) => {
    if (!depths.has(name)) depths.set(name, 1 + Math.max(-1, ...stages.get(name).inputs.map(depth)));
    return depths.get(name);
  };
  const columns = [];
  for (const name of stages.keys()) (columns[depth(name)] ||= []).push(name);
  const place = new Map();
  const rows = Math.max(...columns.map((column) => column.length));
  columns.forEach((column, x) =>
    column.forEach((name, y) => {
      const top = (y + (rows - column.length) / 2) * (BOX.height + BOX.down) + 2;
      place.set(name, [x * (BOX.width + BOX.across) + 2, top]);
    })
  );
  const graph = byId("graph");
  const width = columns.length * (BOX.width + BOX.across) - BOX.across + 4;
  const height = rows * (BOX.height + BOX.down) - BOX.down + 4;
  graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
  graph.setAttribute("width", width);
  graph.setAttribute("height", height);
  const parts = [];
  for (const stage of view.stages) {
    const [x, y] = place.get(stage.name);
    for (const input of stage.inputs) {
      const [fromX, fromY] = place.get(input);
      const [x1, y1, x2, y2] = [fromX + BOX.width, fromY + BOX.height / 2, x, y + BOX.height / 2];
      const middle = (x1 + x2) / 2;
      parts.push(element("svg:path", { d: `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2},${y2}` }));
    }
  }
  for (const stage of view.stages) {
    const [x, y] = place.get(stage.name);
    const { rate } = stage;
    const limits = stage.name === view.bottleneck;
    const lines = [
      `${stage.name}${stage.replicas > 1 ? ` ×${stage.replicas}` : ""}${limits ? " (limits)" : ""}${stage.machines.length ? ` on ${stage.machines.join(", ")}` : ""}`,
      `${number(rate.fps)} fps, busy ${percent(rate.busy)}`,
      `p50 ${number(rate.p50_ms)}, p99 ${number(rate.p99_ms)} ms`,
      stage.waits_for.length ? `waiting for ${stage.waits_for.join(", ")}` : `queue ${number(rate.queue)}${stage.restarts ? `, ${stage.restarts} restarts` : ""}${stage.skipped ? `, ${stage.skipped} skipped` : ""}${stage.published?.waiting ? `, ${stage.published.waiting} wait` : ""}`,
    ];
    parts.push(element("svg:rect", { x, y, width: BOX.width, height: BOX.height, rx: 5, class: limits ? "limits" : "" }));
    parts.push(element("svg:rect", { x, y: y + BOX.height - 4, width: BOX.width * Math.min(1, rate.busy), height: 4, class: "busy" }));
    lines.forEach((line, at) =>
      parts.push(element("svg:text", { x: x + 7, y: y + 15 + at * 14, class: at ? "dim" : "" }, line))
    );
  }
  graph.replaceChildren(...parts);
}

function showStages(view) {
  const rows = view.stages.map((stage) => {
    const { rate } = stage;
    const cells = [
      stage.name, number(rate.fps), number(rate.p50_ms), number(rate.p99_ms), number(rate.queue),
      percent(rate.busy), percent(rate.cores), stage.replicas, stage.restarts,
    ];
    const row = element("tr", stage.name === view.bottleneck ? { class: "limits" } : {}, ...cells.map((cell) => element("td", {}, String(cell))));
    if (stage.waits_for.length) row.classList.add("limits");
    const told = Object.entries(stage.facts).map(([what, how]) => `${what} ${how}`);
    const sent = stage.published;
    if (stage.machines.length) told.unshift(`on ${stage.machines.join(", ")}`);
    if (sent) told.push(`${sent.delivered} delivered, ${sent.waiting} wait, ${sent.refused} refused, ${sent.dropped} dropped`);
    row.title = told.join("\n");
    return row;
  });
  byId("stages").replaceChildren(...rows);
}

// Only of a run on several machines.
const MEGA = 1e6;

function showPlaces(view) {
  fill("machines", view.machines, (one) => [
    !one.here,
    [one.name, one.here ? "up" : `away ${number(one.away_s, 0)} s`, one.cores || "-", percent(one.rate.cores), number(one.resident_bytes / MEGA, 0), `${one.up} of ${one.workers}`],
  ]);
  fill("links", view.links, (link) => {
    const name = `${link.here}>${link.there}`;
    const limits = name === view.bottleneck;
    const cells = [limits ? `${name} (limits)` : name, link.up ? "up" : "down", number(link.rate.bytes_s / MEGA), percent(link.rate.cores), link.restarts];
    return [limits || !link.up, cells];
  });
}

function fill(id, records, told) {
  const table = byId(id);
  table.hidden = !records.length;
  const rows = records.map((record) => {
    const [marked, cells] = told(record);
    return element("tr", marked ? { class: "limits" } : {}, ...cells.map((cell) => element("td", {}, String(cell))));
  });
  table.querySelector("tbody").replaceChildren(...rows);
}

function showTotals(view) {
  document.title = `${view.pipeline} - Framewire`;
  byId("name").textContent = view.pipeline;
  const state = byId("state");
  state.textContent = view.failure || view.trouble || (view.ready ? "running" : "not ready");
  state.classList.toggle("bad", !view.ready || Boolean(view.failure || view.trouble));
  const { frames } = view;
  const rows = [
    ["fps", number(view.fps)],
    ["written", frames.written],
    ["in flight", frames.in_flight],
    ["dropped", total(frames.dropped)],
    ["failed", total(frames.failed)],
    ["skipped", view.streams.reduce((sum, stream) => sum + total(stream.skipped), 0)],
  ];
  byId("totals").replaceChildren(
    ...rows.map(([word, value]) => element("div", {}, element("dt", {}, word), element("dd", { id: `total-${word.replace(" ", "-")}` }, String(value))))
  );
}

const SPAN_MIN_S = 30; // minimum span of the plots; it grows with the run, up to the server's five minutes

function plot(id, points, keys) {
  const [width, height] = [300, 100];
  const now = points.length ? points[points.length - 1].time : 0;
  const span = Math.max(SPAN_MIN_S, points.length ? now - points[0].time : 0);
  const most = Math.max(1e-9, ...points.flatMap((point) => keys.map((key) => point[key] ?? 0)));
  const lines = keys.map((key, at) => {
    const places = points
      .filter((point) => point[key] !== null)
      .map((point) => `${(width * (1 - (now - point.time) / span)).toFixed(1)},${(height - 2 - (height - 16) * (point[key] / most)).toFixed(1)}`);
    return element("svg:polyline", { points: places.join(" "), class: at ? "second" : "" });
  });
  const svg = byId(id);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren(...lines);
  // Beside the plot, not in it: the plot is stretched, and text would be too.
  svg.parentElement.querySelector("output").textContent = most < 1e-6 ? "0" : `up to ${number(most)}`;
}

async function follow() {
  for (;;) {
    if (!document.hidden) {
      try {
        const view = await (await fetch("/graph.json")).json();
        showTotals(view);
        showStreams(view.streams);
        drawGraph(view);
        showStages(view);
        showPlaces(view);
        const points = await (await fetch("/history.json")).json();
        plot("plot-fps", points, ["fps"]);
        plot("plot-delay", points, ["p50_ms", "p99_ms"]);
        plot("plot-lost", points, ["lost_fps"]);
      } catch {
        byId("state").textContent = "the run does not answer; it may have ended";
        byId("state").classList.add("bad");
        await pause(AGAIN_MS);
      }
    }
    await pause(EACH_MS);
  }
}

follow();
