"use strict";
// Sorts and filters the tables of a page. Without scripts the tables are whole, in the order in which they were written.

// The places of `keys` in their new order: a key is a number, a text, or null where a cell is empty. Empty cells come last.
function order(keys, descending) {
  const places = keys.map((_, place) => place);
  const compare = (a, b) => {
    if (keys[a] === null || keys[b] === null) return (keys[a] === null) - (keys[b] === null);
    const sign = descending ? -1 : 1;
    if (typeof keys[a] === "number" && typeof keys[b] === "number") return sign * (keys[a] - keys[b]);
    return sign * String(keys[a]).localeCompare(String(keys[b]), "en", { numeric: true });
  };
  return places.sort((a, b) => compare(a, b) || a - b);
}

// Whether a row's text has every word of the query, in any order and case. Words between double quotes stay together.
function matches(text, query) {
  const whole = text.toLowerCase();
  const words = query.toLowerCase().match(/"[^"]*"|[^\s"]+/g) ?? [];
  return words.every((word) => whole.includes(word.replaceAll('"', "")));
}

function key(cell) {
  const text = cell.dataset.sort ?? cell.textContent.trim();
  if (text === "") return null;
  return cell.dataset.sort === undefined ? text : Number(text);
}

function makeSortable(table, rows) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "sort by this column";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" };
      const direction = next[heading.getAttribute("aria-sort") ?? "none"];
      headings.forEach((each) => each.removeAttribute("aria-sort"));
      if (direction !== "none") heading.setAttribute("aria-sort", direction);
      const keys = rows.map((row) => key(row.cells[column]));
      const sorted = direction === "none" ? rows : order(keys, direction === "descending").map((place) => rows[place]);
      body.append(...sorted);
    });
  });
}

function makeFilter(table, rows) {
  const label = document.createElement("label");
  const field = document.createElement("input");
  const count = document.createElement("output");
  field.type = "search";
  field.placeholder = 'int8 "1 thread"';
  label.className = "filter";
  label.append("Rows with ", field, count);
  const show = () => {
    rows.forEach((row) => {
      row.hidden = !matches(row.textContent, field.value);
    });
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = shown < rows.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  };
  field.addEventListener("input", show);
  table.parentElement.before(label);
  show();
}

function enhance(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 2) return;
  table.classList.add("sortable");
  makeSortable(table, rows);
  makeFilter(table, rows);
}

if (typeof document === "undefined") module.exports = { order, matches };
else {
  // Inside Snakemake's report a page has no neighbours to go to.
  if (location.protocol === "data:") document.querySelectorAll("nav").forEach((links) => links.remove());
  document.querySelectorAll(".table table").forEach(enhance);
}
