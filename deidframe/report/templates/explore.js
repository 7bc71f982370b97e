/* Draws the maps, the person and the table of this page from the data in it; nothing is loaded and nothing is sent. */
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const get = (id) => document.getElementById(id);
  const [method, space, map, colour, arrows, find, canvas] = ["method", "space", "map", "colour", "arrows", "find", "canvas"].map(get);
  const context = canvas.getContext("2d");
  const LINES = 50;
  let chosen = -1; // place in the method's people
  let who = -1; // that person, whom another method may have at another place
  let page = 0;
  let view = { scale: 1, x: 0, y: 0 };
  let shown = []; // places that the search leaves, in the table's order
  let sorted = { by: "", down: true };

  const option = (select, value, text) => {
    const one = document.createElement("option");
    one.value = value;
    one.textContent = text;
    select.append(one);
  };
  data.methods.forEach((one, n) => option(method, n, one.name));
  option(colour, "group", "by group");
  option(colour, "", "before and after");
  Object.keys(data.kinds).forEach((name) => option(colour, "kind " + name, "by " + name));
  const now = () => data.methods[method.value];
  const seen = () => now().spaces[space.value];
  const spaces = () => {
    const before = space.value;
    space.replaceChildren();
    now().spaces.forEach((one, n) => option(space, n, one.encoder));
    space.value = before && now().spaces[before] ? before : "0";
  };
  const nameOf = (place) => data.people[now().people[place]];

  const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#7a6fd0", "#8c564b", "#17a2a2", "#a05000"];
  const classes = () => {
    const by = colour.value;
    if (by === "") return () => "";
    if (by === "group") return (place) => now().group[place];
    const values = data.kinds[by.slice(5)];
    return (place) => values[now().people[place]];
  };
  const colours = () => {
    const of = classes();
    const order = new Map();
    return (place) => {
      const value = of(place);
      if (value === "" || value === -1) return "";
      if (typeof value === "number") return PALETTE[value % PALETTE.length];
      if (!order.has(value)) order.set(value, order.size);
      return PALETTE[order.get(value) % PALETTE.length];
    };
  };

  const places = () => seen()[map.value] || seen().pca;
  const at = (side, n) => {
    const flat = places()[side];
    const size = Math.min(canvas.clientWidth, canvas.clientHeight) - 30;
    const left = (canvas.clientWidth - size) / 2;
    return [
      (left + (flat[2 * n] / 999) * size - view.x) * view.scale,
      (15 + (1 - flat[2 * n + 1] / 999) * size - view.y) * view.scale,
    ];
  };
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  let waiting = false;
  const draw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      paint();
    });
  };
  const paint = () => {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const rows = places().rows;
    const kept = new Set(shown);
    const all = kept.size === now().people.length;
    const [ink, faint, before, after] = [style("--ink"), style("--faint"), style("--m0"), style("--m1")];
    const of = colours();
    const small = rows.length > 3000 ? 1.6 : 3;
    if (arrows.checked) {
      context.beginPath();
      for (let n = 0; n < rows.length; n++) {
        if (!all && !kept.has(rows[n])) continue;
        const [a, b] = [at("before", n), at("after", n)];
        context.moveTo(a[0], a[1]);
        context.lineTo(b[0], b[1]);
      }
      context.globalAlpha = rows.length > 1000 ? 0.07 : 0.25;
      context.strokeStyle = faint;
      context.lineWidth = 1;
      context.stroke();
    }
    const paths = new Map();
    for (let n = 0; n < rows.length; n++) {
      const own = of(rows[n]);
      const pale = !all && !kept.has(rows[n]);
      for (const side of ["before", "after"]) {
        const key = (pale ? faint : own || (side === "before" ? before : after)) + "|" + side + "|" + (pale ? 0.15 : 0.85);
        if (!paths.has(key)) paths.set(key, new Path2D());
        const [x, y] = at(side, n);
        if (x < -5 || y < -5 || x > width + 5 || y > height + 5) continue;
        const size = side === "before" ? small : small + 0.8;
        paths.get(key).moveTo(x + size, y);
        paths.get(key).arc(x, y, size, 0, 7);
      }
    }
    for (const [key, path] of paths) {
      const [tint, side, alpha] = key.split("|");
      context.globalAlpha = Number(alpha);
      if (side === "before") {
        context.strokeStyle = tint;
        context.lineWidth = 1;
        context.stroke(path);
      } else {
        context.fillStyle = tint;
        context.fill(path);
      }
    }
    context.globalAlpha = 1;
    const place = rows.indexOf(chosen);
    if (place >= 0) {
      const [a, b] = [at("before", place), at("after", place)];
      context.strokeStyle = ink;
      context.lineWidth = 1.8;
      context.beginPath();
      context.moveTo(a[0], a[1]);
      context.lineTo(b[0], b[1]);
      const angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
      for (const turn of [2.6, -2.6]) {
        context.moveTo(b[0], b[1]);
        context.lineTo(b[0] + 10 * Math.cos(angle + turn), b[1] + 10 * Math.sin(angle + turn));
      }
      for (const point of [a, b]) {
        context.moveTo(point[0] + 7, point[1]);
        context.arc(point[0], point[1], 7, 0, 7);
      }
      context.stroke();
    }
  };

  const element = (kind, text, name) => {
    const one = document.createElement(kind);
    if (text !== undefined) one.textContent = text;
    if (name) one.className = name;
    return one;
  };
  const picture = (number, text) => {
    if (number === undefined || number < 0) return null;
    const one = element("img");
    one.src = data.pictures[number];
    one.alt = text;
    return one;
  };
  const person = () => {
    const home = get("person");
    home.replaceChildren();
    if (chosen < 0) {
      home.append(element("p", "Choose a point, or a line of the table.", "cap"));
      return;
    }
    const one = now();
    home.append(element("h3", data.people[who]));
    const was = one.originals ? picture(one.originals[chosen], "a picture of " + data.people[who]) : null;
    const is = one.shown ? picture(one.shown[chosen], "what is released for " + data.people[who]) : null;
    for (const shot of [was, is]) if (shot) home.append(shot);
    const list = element("dl");
    const say = (word, meaning, name) => list.append(element("dt", word), element("dd", meaning, name));
    const mates = one.group[chosen] < 0 ? [] : one.people.filter((_, n) => n !== chosen && one.group[n] === one.group[chosen]);
    if (mates.length) {
      const few = mates.slice(0, 12).map((n) => data.people[n]).join(", ");
      say("shares its picture with", few + (mates.length > 12 ? " and " + (mates.length - 12) + " more" : ""));
    }
    for (const name of Object.keys(data.kinds)) if (data.kinds[name][who]) say(name, data.kinds[name][who]);
    one.spaces.forEach((s) => say("in " + s.encoder, "displacement " + s.moved[chosen] + ", collapse " + s.collapse[chosen]));
    for (const attack of one.attacks) {
      const guess = attack.of[who];
      if (!guess) continue;
      const right = guess[0] === who;
      const taken = guess[0] < 0 ? "somebody not shown here" : right ? "taken rightly for this person" : "taken for " + data.people[guess[0]];
      const tied = guess[2] > 1 ? ", one of " + guess[2] + " tied" : "";
      say("attack " + attack.name, taken + ", score " + guess[1] + tied, right && guess[2] < 2 ? "right" : "");
    }
    home.append(list);
  };

  const cells = () => {
    const one = now();
    const s = seen();
    const top = one.attacks[0];
    const guess = (n) => (top && top.of[one.people[n]]) || null;
    return [
      ["person", (n) => nameOf(n)],
      ["group", (n) => (one.group[n] < 0 ? "" : one.group[n])],
      ["displacement, " + s.encoder, (n) => s.moved[n]],
      ["collapse, " + s.encoder, (n) => s.collapse[n]],
      ...(top
        ? [
            [top.name + " took it for", (n) => (guess(n) ? (guess(n)[0] < 0 ? "somebody else" : data.people[guess(n)[0]]) : "")],
            ["score", (n) => (guess(n) ? guess(n)[1] : "")],
          ]
        : []),
    ];
  };
  const order = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const one = now();
    const group = /^group (\d+)$/.exec(find.value.trim().toLowerCase());
    shown = one.people.map((_, n) => n).filter((n) => {
      if (group) return one.group[n] === Number(group[1]);
      const text = nameOf(n).toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const column = cells().find((c) => c[0] === sorted.by);
    if (column) {
      const way = sorted.down ? -1 : 1;
      shown.sort((a, b) => {
        const [x, y] = [column[1](a), column[1](b)];
        return way * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
      });
    }
  };
  const table = () => {
    const columns = cells();
    const head = get("table").tHead.rows[0];
    head.replaceChildren();
    for (const [name] of columns) {
      const one = element("th");
      one.scope = "col";
      one.setAttribute("aria-sort", sorted.by !== name ? "none" : sorted.down ? "descending" : "ascending");
      const button = element("button", name);
      button.type = "button";
      button.addEventListener("click", () => {
        sorted = { by: name, down: sorted.by === name ? !sorted.down : true };
        page = 0;
        refresh();
        const again = [...head.cells].find((c) => c.textContent === name);
        if (again) again.querySelector("button").focus();
      });
      one.append(button);
      head.append(one);
    }
    const body = get("table").tBodies[0];
    body.replaceChildren();
    const pages = Math.max(1, Math.ceil(shown.length / LINES));
    page = Math.min(page, pages - 1);
    for (const n of shown.slice(page * LINES, (page + 1) * LINES)) {
      const row = element("tr");
      row.setAttribute("aria-selected", String(n === chosen));
      columns.forEach(([, read], place) => {
        const cell = element("td");
        if (place === 0) {
          const button = element("button", String(read(n)));
          button.type = "button";
          cell.append(button);
        } else cell.textContent = String(read(n));
        row.append(cell);
      });
      row.addEventListener("click", () => choose(n));
      body.append(row);
    }
    get("page").textContent = "page " + (page + 1) + " of " + pages + ", " + shown.length + " people";
    get("back").disabled = page === 0;
    get("next").disabled = page >= pages - 1;
  };
  const numbers = () => {
    const s = seen();
    const mean = (values) => (shown.reduce((sum, n) => sum + values[n], 0) / Math.max(1, shown.length)).toFixed(3);
    const drawn = places().rows.length;
    const part = drawn < now().people.length ? " The map shows " + drawn + " of " + now().people.length + " people." : "";
    const none = map.value === "tsne" && !s.tsne ? " There is no t-SNE of this; principal components are shown." : "";
    get("numbers").textContent =
      shown.length + " people, " + s.encoder + ": mean displacement " + mean(s.moved) + ", mean collapse " + mean(s.collapse) + "." + part + none;
  };
  const refresh = () => {
    order();
    table();
    numbers();
    draw();
  };
  const choose = (n) => {
    chosen = n;
    who = n < 0 ? -1 : now().people[n];
    person();
    for (const row of get("table").tBodies[0].rows) row.setAttribute("aria-selected", "false");
    const place = shown.indexOf(n);
    if (place >= 0 && Math.floor(place / LINES) !== page) {
      page = Math.floor(place / LINES);
      table();
    } else if (place >= 0) get("table").tBodies[0].rows[place - page * LINES].setAttribute("aria-selected", "true");
    draw();
  };

  const nearest = (x, y) => {
    const rows = places().rows;
    let [best, far] = [-1, 200];
    for (let n = 0; n < rows.length; n++)
      for (const side of ["before", "after"]) {
        const point = at(side, n);
        const apart = (point[0] - x) ** 2 + (point[1] - y) ** 2;
        if (apart < far) [best, far] = [rows[n], apart];
      }
    return best;
  };
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, view: { ...view }, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (Math.abs(dx) + Math.abs(dy) > 4) held.moved = true;
    if (!held.moved) return;
    view = { ...view, x: held.view.x - dx / view.scale, y: held.view.y - dy / view.scale };
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held && !held.moved) {
      const box = canvas.getBoundingClientRect();
      const found = nearest(event.clientX - box.left, event.clientY - box.top);
      if (found >= 0) choose(found);
    }
    held = null;
  });
  canvas.addEventListener("pointercancel", () => (held = null));
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const scale = Math.min(40, Math.max(0.5, view.scale * (event.deltaY < 0 ? 1.25 : 0.8)));
      view = { scale, x: view.x + x / view.scale - x / scale, y: view.y + y / view.scale - y / scale };
      draw();
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", () => {
    view = { scale: 1, x: 0, y: 0 };
    draw();
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !shown.length) return;
    event.preventDefault();
    const place = shown.indexOf(chosen);
    const next = place < 0 ? (step > 0 ? 0 : shown.length - 1) : (place + step + shown.length) % shown.length;
    choose(shown[next]);
  });
  method.addEventListener("change", () => {
    spaces();
    order();
    chosen = now().people.indexOf(who);
    person();
    refresh();
  });
  for (const control of [space, map, colour, arrows]) control.addEventListener("change", refresh);
  find.addEventListener("input", () => {
    page = 0;
    refresh();
  });
  get("back").addEventListener("click", () => {
    page -= 1;
    table();
  });
  get("next").addEventListener("click", () => {
    page += 1;
    table();
  });
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  new ResizeObserver(draw).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  spaces();
  refresh();
})();
