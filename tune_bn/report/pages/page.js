(() => {
  "use strict";
  const touch = matchMedia("(pointer: coarse)").matches;
  const isNarrow = (plot) => plot.clientWidth < 560;
  const config = {
    responsive: true,
    displaylogo: false,
    displayModeBar: touch ? false : "hover",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  };
  // What a figure itself says it changes on a narrow page, and names of stages that have room.
  const fit = (plot, layout) => {
    if (isNarrow(plot)) {
      for (const [path, value] of Object.entries(layout.meta?.narrow ?? {})) {
        const keys = path.split(".");
        const last = keys.pop();
        keys.reduce((inner, key) => (inner[key] ??= {}), layout)[last] = value;
      }
    }
    const names = (layout.annotations ?? []).filter((a) => a.name === "stage");
    const range = layout.xaxis?.range;
    if (!names.length || !range) return;
    const perTrial = (plot.clientWidth - 120) / (range[1] - range[0]);
    let freeFrom = -Infinity;
    const kept = new Set();
    for (const name of names) {
      const isCut = (range[1] - name.x) * perTrial + 16 < 7 * name.text.length;
      if (name.x * perTrial < freeFrom || isCut) continue;
      kept.add(name);
      freeFrom = name.x * perTrial + 9 * name.text.length;
    }
    layout.annotations = layout.annotations.filter((a) => a.name !== "stage" || kept.has(a));
  };
  const plots = [...document.querySelectorAll(".plot")];
  const draw = (plot) => {
    if (plot.dataset.drawn) return;
    plot.dataset.drawn = "yes";
    const figure = JSON.parse(document.getElementById(plot.id + "-data").textContent);
    fit(plot, figure.layout);
    // A finger that moves over a figure scrolls the page.
    if (touch) figure.layout.dragmode = false;
    const bar = isNarrow(plot) ? { displayModeBar: false } : {};
    Plotly.newPlot(plot, figure.data, figure.layout, { ...config, ...bar });
  };
  // Long pages open at once: a figure is drawn when it comes near the window.
  const observer = new IntersectionObserver(
    (entries) => entries.filter((e) => e.isIntersecting).forEach((e) => draw(e.target)),
    { rootMargin: "600px" },
  );
  plots.forEach((plot) => observer.observe(plot));
  // On paper every figure is drawn, as wide as a sheet of A4 or letter and no taller than one.
  const paper = { width: 680, height: 860 };
  addEventListener("beforeprint", () => {
    for (const plot of plots) {
      draw(plot);
      plot.dataset.height = plot.layout.height;
      const height = Math.min(plot.layout.height, paper.height);
      Plotly.relayout(plot, { autosize: false, width: paper.width, height });
    }
  });
  addEventListener("afterprint", () => {
    for (const plot of plots) {
      Plotly.relayout(plot, { autosize: true, width: null, height: Number(plot.dataset.height) });
    }
  });

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
