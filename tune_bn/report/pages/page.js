(() => {
  "use strict";
  // What a figure says of the mark that is nearest to the pointer, at most so many pixels away.
  const reach = 18;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const points = new Map();
  const pointsOf = (plot) => {
    if (!points.has(plot)) {
      const found = plot.querySelector("script");
      points.set(plot, found ? JSON.parse(found.textContent) : []);
    }
    return points.get(plot);
  };
  const show = (plot, event) => {
    const svg = [...plot.querySelectorAll("svg")].find((one) => one.getClientRects().length);
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const [left, top, width] = svg.dataset.area.split(" ").map(Number);
    let best = null;
    let nearest = reach;
    for (const [share, down, text] of pointsOf(plot)) {
      const x = box.left + (left + (share / 10000) * width) * scale;
      const y = box.top + (top + down) * scale;
      const distance = Math.hypot(event.clientX - x, event.clientY - y);
      // Of marks that lie on one another the last is the one that is seen.
      if (distance <= nearest) [nearest, best] = [distance, { x, y, text }];
    }
    tip.hidden = !best;
    if (!best) return;
    tip.textContent = best.text;
    const room = document.documentElement.clientWidth;
    const x = Math.max(6, Math.min(best.x + 12, room - tip.offsetWidth - 6));
    const above = best.y - tip.offsetHeight - 10;
    tip.style.left = `${x + scrollX}px`;
    tip.style.top = `${(above < 4 ? best.y + 14 : above) + scrollY}px`;
  };
  for (const plot of document.querySelectorAll(".plot")) {
    plot.addEventListener("pointermove", (event) => show(plot, event));
    plot.addEventListener("pointerdown", (event) => show(plot, event));
    plot.addEventListener("pointerleave", () => (tip.hidden = true));
  }

  // In a notebook's frame the page has no address: its links would lead to the notebook's.
  if (location.protocol === "about:") {
    for (const link of document.querySelectorAll('a[href^="#"]')) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        document.querySelector(link.getAttribute("href")).scrollIntoView();
      });
    }
  }

  for (const block of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const code = block.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        // Opened from a file, a browser may refuse: then the text is selected to be copied by hand.
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    block.append(button);
  }
})();
