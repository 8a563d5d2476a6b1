// Keys, polling and the one chart: everything else is HTML and htmx.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const live = $("live");
  const announce = (text) => { const place = $("announce"); if (place) place.textContent = text; };

  // A page that nobody sees asks nothing; one that is seen again asks at once.
  let last = Date.now();
  const seconds = () => (live ? Number(live.dataset.poll || 0) : 0);
  const done = () => live.querySelector("[data-done='yes']") !== null;
  const poll = () => { last = Date.now(); htmx.trigger(live, "poll"); };
  if (live && seconds()) {
    setInterval(() => {
      if (!document.hidden && !done() && Date.now() - last >= seconds() * 1000) poll();
    }, 500);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !done() && Date.now() - last >= seconds() * 1000) poll();
    });
  }

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt === live) event.detail.path = location.pathname + location.search;
  });

  // What has not changed is not drawn again, so that neither focus nor selection is lost.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.xhr, target = event.detail.target;
    if (target !== live) return;
    const tag = answer.getResponseHeader("etag");
    const date = answer.getResponseHeader("date");
    if (date && $("as-of")) $("as-of").textContent = "as of " + new Date(date).toLocaleTimeString();
    for (const [id, name] of [["calls", "fanout-calls"], ["cost", "fanout-cost"]]) {
      const told = answer.getResponseHeader(name);
      if (told && $(id)) $(id).textContent = told;
    }
    if (tag && live.dataset.tag === tag) event.detail.shouldSwap = false;
    live.dataset.tag = tag || "";
  });

  // What is shown grows old: the console has ended, or the session at its load balancer has, and a page signs in again.
  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.elt !== live || !$("as-of")) return;
    if (!$("as-of").textContent.includes("reload")) $("as-of").textContent += " (not reached since: reload the page)";
    announce("The console is not reached: reload the page");
  });

  let troubles = null;
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== live) return;
    const found = live.querySelectorAll(".troubles li").length;
    if (troubles !== null && found !== troubles) announce(found + " things need a person");
    if (troubles === null && live.querySelector("[role='status']") === null) announce("loaded");
    troubles = found;
    if (done()) announce(live.querySelector("[data-done='yes']").textContent);
  });

  const copy = async () => {
    const command = $("command");
    if (!command) return;
    try {
      await navigator.clipboard.writeText(command.textContent);
      announce("copied: " + command.textContent);
      $("copy").textContent = "Copied";
      setTimeout(() => { $("copy").textContent = "Copy"; }, 2000);
    } catch (refused) {
      getSelection().selectAllChildren(command);
    }
  };
  if ($("copy")) $("copy").addEventListener("click", copy);
  if ($("help-button")) $("help-button").addEventListener("click", () => $("help").showModal());

  const worst = () => {
    const found = [...document.querySelectorAll("a.dead")];
    const count = (link) => Number(link.textContent.replace(/\D/g, ""));
    return found.sort((a, b) => count(b) - count(a))[0];
  };
  const go = { o: () => "/", w: () => "/why", j: () => "/o", d: () => (worst() ? worst().getAttribute("href") : "/?by=dead") };
  let first = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select") || $("help").open) return;
    const before = first;
    first = "";
    if (before === "g" && go[event.key]) { location.assign(go[event.key]()); return; }
    if (event.key === "g") { first = "g"; return; }
    const act = { "/": () => ($("filter") || $("search")).focus(), "?": () => $("help").showModal(), y: copy }[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // A form that is sent twice would begin twice.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    setTimeout(() => event.target.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  });

  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  // A chart is drawn from the table that it names: the first column is its x, each "line" column a line.
  const ink = () => getComputedStyle(document.body).color;
  const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [1, 5]];
  const plot = (place, title, xs, lines, time) => {
    const axis = { stroke: ink(), grid: { stroke: "rgba(128,128,128,.3)" } };
    const series = lines.map((line, i) => ({ label: line.label, stroke: ink(), dash: DASHES[i % DASHES.length], width: 2 }));
    new uPlot(
      { title, width: Math.min(900, place.clientWidth), height: 240, scales: { x: { time } }, axes: [axis, axis],
        series: [{ label: time ? "time" : "MB" }, ...series] },
      [xs, ...lines.map((line) => line.values)], place);
  };
  const cells = (table) => [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => Number(cell.dataset.value ?? cell.textContent)));
  const charts = (within) => within.querySelectorAll(".chart").forEach((place) => {
    if (!window.uPlot || place.childElementCount) return;
    const table = $(place.dataset.table), rows = cells(table);
    if (place.dataset.kind === "curve") {
      const batches = [...new Set(rows.map((row) => row[0]))];
      const memories = [...new Set(rows.map((row) => row[1]))].sort((a, b) => a - b);
      const at = (batch, memory, column) => (rows.find((row) => row[0] === batch && row[1] === memory) || [])[column] ?? null;
      for (const [column, title] of [[2, "USD per million"], [3, "ms per record"]]) {
        plot(place, title, memories, batches.map((batch) => ({ label: "batch " + batch, values: memories.map((memory) => at(batch, memory, column)) })), false);
      }
    } else {
      const names = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
      plot(place, place.dataset.title, rows.map((row) => row[0]), names.map((label, i) => ({ label, values: rows.map((row) => row[i + 1]) })), true);
    }
  });
  charts(document);
  document.addEventListener("htmx:afterSwap", (event) => charts(event.detail.target));
})();
