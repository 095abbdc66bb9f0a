"use strict";
// Without this the page says the same; with it a click on a column's name sorts its table.
function compared(one, other) {
  if (one.known !== other.known) return one.known ? -1 : 1; // what has no value comes last
  if (typeof one.value === "number" && typeof other.value === "number") return one.value - other.value;
  return String(one.value).localeCompare(String(other.value), "en", { numeric: true });
}
function valueOf(cell) {
  const given = cell.getAttribute("data-v");
  const text = cell.textContent.trim();
  if (given !== null) return { known: true, value: Number(given) };
  return { known: text !== "\u2013" && text !== "", value: text };
}
function sortRows(rows, place, falling) {
  const keyed = rows.map((row) => ({ row, key: valueOf(row.cells[place]) }));
  keyed.sort((one, other) => {
    const order = compared(one.key, other.key);
    return falling && one.key.known && other.key.known ? -order : order;
  });
  return keyed.map((each) => each.row);
}
function sortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  const body = table.tBodies[0];
  if (body.rows.length < 2) return;
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      body.append(...sortRows(Array.from(body.rows), place, falling));
    });
  });
}
document.querySelectorAll("table.sortable").forEach(sortable);
