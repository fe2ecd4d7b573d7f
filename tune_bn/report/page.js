(() => {
  "use strict";
  const touch = matchMedia("(pointer: coarse)").matches;
  const config = {
    responsive: true,
    displaylogo: false,
    displayModeBar: "hover",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  };
  const plots = [...document.querySelectorAll(".plot")];
  const draw = (plot) => {
    if (plot.dataset.drawn) return;
    plot.dataset.drawn = "yes";
    const figure = JSON.parse(document.getElementById(plot.id + "-data").textContent);
    // A finger that moves over a figure scrolls the page.
    if (touch) figure.layout.dragmode = false;
    Plotly.newPlot(plot, figure.data, figure.layout, config);
  };
  // Long pages open at once: a figure is drawn when it comes near the window.
  const observer = new IntersectionObserver(
    (entries) => entries.filter((e) => e.isIntersecting).forEach((e) => draw(e.target)),
    { rootMargin: "600px" },
  );
  plots.forEach((plot) => observer.observe(plot));
  addEventListener("beforeprint", () => plots.forEach(draw));

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
