"use strict";
// The page is whole without this: it draws charts beside their tables, opens what a link leads to, unfolds for paper.
(() => {
  const plots = [...document.querySelectorAll(".plot")];
  const bundle = document.getElementById("plotly-bundle");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let plotly;

  async function load() {
    const bytes = Uint8Array.from(atob(bundle.textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    return window.Plotly;
  }

  async function draw(plot) {
    const data = plot.querySelector("script");
    if (!data) return;
    plotly ??= load();
    const figure = JSON.parse(data.textContent);
    data.remove();
    plot.classList.add("drawn");
    const axis = { gridcolor: css("--line"), zerolinecolor: css("--line"), automargin: true };
    const layout = {
      ...figure.layout,
      xaxis: { ...axis, ...figure.layout.xaxis },
      yaxis: { ...axis, ...figure.layout.yaxis },
      autosize: true,
      height: Math.min(figure.layout.height || 300, 720),
      margin: { l: 52, r: 12, t: 12, b: 44 },
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: css("--ink") },
      legend: { orientation: "h", y: 1.12, ...figure.layout.legend },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      colorway: ["#14606e", "#b4511b", "#6a4c93", "#2f6f43", "#7d5f12", "#56606c"],
    };
    try {
      (await plotly).newPlot(plot, figure.data, layout, { displayModeBar: false, responsive: true });
    } catch {
      plot.classList.remove("drawn");
      plot.parentElement.querySelector("details")?.setAttribute("open", "");
    }
  }

  if (bundle && "DecompressionStream" in window && "IntersectionObserver" in window) {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          seen.unobserve(entry.target);
          draw(entry.target);
        }
      }
    }, { rootMargin: "400px" });
    for (const plot of plots) {
      plot.classList.add("waiting");
      seen.observe(plot);
    }
  }

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details.printed:not([open])")];
    for (const each of folded) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of folded) each.open = false;
  });

  const links = new Map([...document.querySelectorAll(".side a")].map((a) => [a.hash.slice(1), a]));
  if (links.size && "IntersectionObserver" in window) {
    const here = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    }, { rootMargin: "-10% 0px -80%" });
    for (const id of links.keys()) {
      const target = document.getElementById(id);
      if (target) here.observe(target);
    }
  }
})();
