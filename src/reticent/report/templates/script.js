// The page works without this: it only opens what a link points at, filters and sorts.
(() => {
  "use strict";
  const open = (node) => {
    for (let at = node; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  };
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) { open(target); target.scrollIntoView(); }
  };
  window.addEventListener("hashchange", follow);
  if (location.hash) follow();
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    open(target);
    const summary = target.matches("details") && target.querySelector("summary");
    if (summary) setTimeout(() => summary.focus({ preventScroll: true }), 0);
  });

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
    closed = [];
  });

  const contents = document.querySelector(".contents details");
  const wide = matchMedia("(min-width: 75rem)");
  const fit = () => { contents.open = wide.matches; };
  fit();
  wide.addEventListener("change", fit);

  const bar = document.querySelector("[data-filter]");
  const cells = [...document.querySelectorAll("details.cell")];
  if (bar && cells.length > 5) {
    const field = (text, control) => {
      const label = document.createElement("label");
      label.append(text, control);
      bar.append(label);
      return control;
    };
    const choice = (text, key) => {
      const select = field(text, document.createElement("select"));
      for (const value of ["all", ...new Set(cells.map((cell) => cell.dataset[key]))])
        select.add(new Option(value, value));
      return [select, key];
    };
    const words = field("Find in names", document.createElement("input"));
    words.type = "search";
    const choices = [choice("Verdict", "verdict"), choice("Policy", "policy")];
    const count = document.createElement("output");
    bar.append(count);
    const names = new Map(cells.map((cell) => [cell, cell.querySelector("summary").textContent.toLowerCase()]));
    const show = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let n = 0;
      for (const cell of cells) {
        const keep = choices.every(([select, key]) => select.selectedIndex === 0 || cell.dataset[key] === select.value)
          && wanted.every((word) => names.get(cell).includes(word));
        cell.hidden = !keep;
        n += keep;
      }
      count.textContent = `${n} of ${cells.length} cells`;
    };
    bar.addEventListener("input", show);
    bar.hidden = false;
    show();
  }

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const key = (row, i) => {
      const text = row.cells[i].textContent.trim();
      const value = Number.parseFloat(text.replaceAll(",", ""));
      return Number.isNaN(value) || !/^[-\d]/.test(text) ? text : value;
    };
    heads.forEach((head, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...body.rows].sort((a, b) => {
          const [x, y] = [key(a, i), key(b, i)];
          if (typeof x === "number" && typeof y === "number") return x - y;
          return String(x).localeCompare(String(y), "en", { numeric: true });
        });
        body.append(...(up ? rows : rows.reverse()));
      });
    });
  }
})();
