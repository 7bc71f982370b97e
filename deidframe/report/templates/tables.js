/* Sorts and filters the tables of this page; without it every table stands whole, in the recipe's order. */
(() => {
  "use strict";
  const number = (cell) => {
    const found = cell.textContent.trim().match(/^-?\d[\d,]*(\.\d+)?/);
    return found ? parseFloat(found[0].replace(/,/g, "")) : NaN;
  };
  const compare = (place, rising) => (a, b) => {
    const [one, other] = [a.cells[place], b.cells[place]];
    if (!one || !other) return (one ? 0 : 1) - (other ? 0 : 1);
    const [x, y] = [number(one), number(other)];
    if (place > 0 && (isNaN(x) || isNaN(y))) return isNaN(x) - isNaN(y);
    const way = place === 0 ? one.textContent.localeCompare(other.textContent) : x - y;
    return rising ? way : -way;
  };
  for (const box of document.querySelectorAll(".wide")) {
    const table = box.querySelector("table");
    const body = table && table.tBodies[0];
    if (!body || body.rows.length < 3) continue;
    const first = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        const now = was === "none" ? "ascending" : was === "ascending" ? "descending" : "none";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", now);
        const rows = [...first];
        if (now !== "none") rows.sort(compare(place, now === "ascending"));
        body.append(...rows);
      });
    });
    if (first.length < 8) continue;
    const label = document.createElement("label");
    const field = document.createElement("input");
    field.type = "search";
    label.className = "filter";
    label.append("Only lines with ", field);
    box.before(label);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of first) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
  }
})();
