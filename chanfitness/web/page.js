"use strict";
// Sorting and filtering of the tables. The page is complete without this script.
(() => {
  const SECONDS = {d: 86400, h: 3600, m: 60, s: 1};
  const rowsOf = (section) => [...section.querySelectorAll("tbody.peer")];
  const nameOf = (row) => row.querySelector("th").textContent.toLowerCase();

  // Parses a cell as a number: a duration in seconds, a share, a count; NaN if it has none.
  const valueOf = (row, column) => {
    const text = row.rows[0].cells[column].textContent;
    if (text === "online") return 0;
    const periods = [...text.matchAll(/([0-9.]+)([dhms])\b/g)];
    if (periods.length) return periods.reduce((sum, [, count, unit]) => sum + count * SECONDS[unit], 0);
    return parseFloat(text.replace("\u2212", "-").replace(/[^0-9.-]/g, ""));
  };

  const compare = (column, sign) => (one, other) => {
    if (!column) return sign * nameOf(one).localeCompare(nameOf(other));
    const [left, right] = [valueOf(one, column), valueOf(other, column)];
    if (Number.isNaN(left) || Number.isNaN(right)) return Number.isNaN(left) - Number.isNaN(right);
    return sign * (left - right);
  };

  // The first table keeps its number of rows; the folded one takes the rest.
  const sort = (section, column, sign) => {
    const sorted = rowsOf(section).sort(compare(column, sign));
    const tables = [...section.querySelectorAll("table")];
    const counts = tables.map((table) => table.querySelectorAll("tbody.peer").length);
    tables.forEach((table, index) => table.append(...sorted.splice(0, counts[index])));
  };

  const orders = new Map();  // section id -> [column, sign]

  const arrange = (section, column, sign) => {
    for (const each of section.querySelectorAll("thead th")) each.removeAttribute("aria-sort");
    for (const each of section.querySelectorAll(`thead th:nth-child(${column + 1})`)) {
      each.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    }
    sort(section, column, sign);
  };

  const makeSortable = (section) => {
    for (const table of section.querySelectorAll("table")) {
      table.querySelectorAll("thead th").forEach((head, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = head.textContent;
        head.replaceChildren(button);
        button.addEventListener("click", () => {
          orders.set(section.id, [index, head.getAttribute("aria-sort") === "descending" ? 1 : -1]);
          arrange(section, ...orders.get(section.id));
        });
      });
    }
  };

  const filter = (text) => {
    for (const section of document.querySelectorAll(".range")) {
      for (const row of rowsOf(section)) {
        row.hidden = !(nameOf(row) + (row.querySelector("[data-peer]")?.dataset.peer ?? "")).includes(text);
      }
      const rest = section.querySelector("details.rest");
      if (rest && text) rest.open = true;
    }
  };

  // Opens a folded list when a link leads to it.
  const unfold = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    for (let each = target; each; each = each.parentElement) {
      if (each.localName === "details") each.open = true;
    }
    if (target) target.scrollIntoView();
  };

  const prepare = () => {
    for (const section of document.querySelectorAll(".range")) {
      makeSortable(section);
      if (orders.has(section.id)) arrange(section, ...orders.get(section.id));
    }
  };

  window.addEventListener("hashchange", unfold);
  prepare();
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.type = "search";
  const refilter = () => filter(input.value.trim().toLowerCase());
  input.addEventListener("input", refilter);
  document.addEventListener("renewed", () => {
    prepare();
    if (input.value) refilter();
  });
  label.className = "filter";
  label.append("Filter ", input);
  document.querySelector(".tools").append(label);
})();
