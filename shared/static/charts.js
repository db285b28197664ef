// Charts: ECharts on canvas, in the product's colours, drawn again when the theme or the width changes.
(() => {
  const colours = ["#4299e1", "#f59f00", "#2fb344", "#ae3ec9", "#d63939", "#17a2b8", "#74b816", "#a8aeb7"];
  // The colour that a variable comes to; canvas cannot read a mix of others.
  const colour = (name) => {
    const probe = document.body.appendChild(document.createElement("span"));
    probe.style.color = `var(${name})`;
    const pixel = document.createElement("canvas").getContext("2d");
    pixel.fillStyle = getComputedStyle(probe).color;
    pixel.fillRect(0, 0, 1, 1);
    probe.remove();
    const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
    return `rgba(${red}, ${green}, ${blue}, ${alpha / 255})`;
  };

  const look = () => {
    const text = colour("--tblr-body-color");
    const line = { lineStyle: { color: colour("--tblr-border-color") } };
    const axis = { axisLabel: { color: text }, nameTextStyle: { color: text }, axisLine: line, splitLine: line };
    return {
      color: colours,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      legend: { textStyle: { color: text } },
      categoryAxis: axis, valueAxis: axis, timeAxis: axis, logAxis: axis,
    };
  };

  const draw = (place) => {
    echarts.getInstanceByDom(place)?.dispose();
    const option = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    const chart = echarts.init(place, look(), { renderer: "canvas" });
    // `richText`: a tooltip made of HTML carries inline styles, which the content security policy refuses.
    if (option.tooltip) option.tooltip = { ...option.tooltip, renderMode: "richText" };
    chart.setOption({ animation: false, grid: { left: 8, right: 8, top: 32, bottom: 8, containLabel: true }, ...option });
  };

  const drawAll = (root = document) => root.querySelectorAll("[data-chart]").forEach(draw);
  document.addEventListener("DOMContentLoaded", () => drawAll());
  document.addEventListener("htmx:after:swap", () => drawAll());
  document.documentElement.addEventListener("acm:theme", () => drawAll());
  window.addEventListener("resize", () => document.querySelectorAll("[data-chart]").forEach((place) => echarts.getInstanceByDom(place)?.resize()));
})();
