"use strict";
// Draws the figures, follows the reader's colour scheme, switches the map's state, sorts tables. Text that comes from
// data is only ever put in as text.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const dark = window.matchMedia("screen and (prefers-color-scheme: dark)");

  function paint(view) {
    for (const [id, property, light, nightly] of view.drawing.themed) {
      view.document.get_model_by_id(id)[property] = dark.matches ? nightly : light;
    }
  }

  function show(view, position) {
    const state = view.drawing.states[position];
    for (const [id, columns] of Object.entries(state.sources)) {
      const source = view.document.get_model_by_id(id);
      const data = { ...source.data, ...columns };
      for (const name of ["loading", "voltage"]) {
        if (columns[name]) data[name] = columns[name].map((value) => (value === null ? NaN : value));
      }
      source.data = data;
    }
    const list = document.querySelector(`[data-heaviest="${view.drawing.target}"]`);
    list.replaceChildren(...state.top.map(([label, text]) => {
      const row = document.createElement("li");
      const name = document.createElement("span");
      const value = document.createElement("b");
      name.textContent = label;
      value.textContent = text;
      row.append(name, value);
      return row;
    }));
  }

  function follow(view) {
    const controls = document.querySelectorAll(`input[data-map="${view.drawing.target}"]`);
    const chosen = (part) =>
      document.querySelector(`input[data-map="${view.drawing.target}"][data-part="${part}"]:checked`)?.value ?? "";
    const update = () => {
      const states = view.drawing.states;
      let position = states.findIndex((s) => s.snapshot === chosen("snapshot") && s.variant === chosen("variant"));
      if (position < 0) position = states.findIndex((s) => s.snapshot === chosen("snapshot"));
      if (position >= 0) show(view, position);
    };
    for (const control of controls) control.addEventListener("change", update);
    update();
  }

  async function draw() {
    const drawings = read("drawings");
    // a canvas does not wait for a font: load it first
    await Promise.allSettled([400, 700].map((weight) => document.fonts.load(`${weight} 12px "Gridhub Sans"`, "가A")));
    for (const drawing of drawings) {
      const views = await Bokeh.embed.embed_item(drawing.item);
      const first = Array.isArray(views) ? views[0] : (views.roots ? views.roots[0] : views);
      const view = { drawing, document: first.model.document };
      paint(view);
      if (document.getElementById(drawing.target).clientWidth < 480) {
        for (const [id, property, value] of drawing.compact) view.document.get_model_by_id(id)[property] = value;
      }
      dark.addEventListener("change", () => paint(view));
      if (drawing.states.length) follow(view);
    }
    document.documentElement.dataset.drawn = String(drawings.length);
  }

  function sort(table, column, heading) {
    const descending = heading.getAttribute("aria-sort") !== "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const numeric = heading.classList.contains("number");
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = numeric ? Number(x) - Number(y) : x.localeCompare(y, "ko");
      return descending ? -order : order;
    });
    table.tBodies[0].append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) =>
      heading.querySelector("button")?.addEventListener("click", () => sort(table, column, heading)));
  }
  draw().catch((error) => {
    document.documentElement.dataset.failed = String(error);
    for (const place of document.querySelectorAll(".canvas")) place.textContent = "The figure could not be drawn here.";
  });
})();
