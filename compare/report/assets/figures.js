// The figures of a page: each <div data-figure="id"> becomes pictures of the marks in the island of that id.

import { element, island } from "./dom.js";
import { boxes } from "./boxes.js";
import { dots } from "./dots.js";
import { curves } from "./curves.js";

export function drawFigures(root) {
  for (const place of root.querySelectorAll("[data-figure]")) {
    if (place.childElementCount) continue;
    const { panels, styles, height } = island(place.dataset.figure);
    for (const { title, mark } of panels) {
      const label = title || place.dataset.title;
      const chart = {
        Lines: () => curves(mark, styles, label, { height: Math.round(height * 88), unit: mark.x_label.replace("training ", "") }),
        Dots: () => dots(mark, label),
        Boxes: () => boxes(mark, label),
      }[mark.kind]();
      if (panels.length === 1) chart.holder.querySelector(".readout").textContent = "Point at the picture, or walk through it with the arrow keys.";
      place.append(element("figure", {}, title ? element("figcaption", {}, title) : "", chart.holder));
    }
  }
}
