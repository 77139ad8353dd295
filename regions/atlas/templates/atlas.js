"use strict";
// Sorts the rows of the table by the column whose heading is chosen; the references stay on top.
const table = document.getElementById("atlas-table");
const rows = document.getElementById("rows");
const heads = [...table.tHead.rows[1].cells];

function compare(a, b) {
  if (a === b) return 0;
  if (a === "") return 1; // unknown numbers go last in either direction
  if (b === "") return -1;
  const numbers = [Number(a), Number(b)];
  return numbers.some(Number.isNaN) ? a.localeCompare(b) : numbers[0] - numbers[1];
}

function sortBy(index) {
  const head = heads[index];
  const falling = head.getAttribute("aria-sort") === "ascending";
  const value = (row) => row.cells[index].dataset.value;
  const sorted = [...rows.rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    return (falling && a !== "" && b !== "" ? -1 : 1) * compare(a, b);
  });
  rows.append(...sorted);
  heads.forEach((each) => each.setAttribute("aria-sort", "none"));
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
}

heads.forEach((head, index) => {
  head.firstElementChild.addEventListener("click", () => sortBy(index));
});

// Gives each figure's SVG as a file, made when it is asked for.
document.querySelectorAll("a[data-figure]").forEach((link) => {
  link.addEventListener("click", () => {
    const picture = document.getElementById(link.dataset.figure).querySelector("svg");
    const text = new XMLSerializer().serializeToString(picture);
    link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  });
});
