// A page of several views, of which one is open: <section data-view id="...">. The address names a view or anything
// inside one. Without this script all views stand below each other.

import { onAddress } from "./address.js";

// Show the view that the address names, the first one otherwise; tell `opened(view, state, first time)` of it.
export function followViews(opened) {
  const views = [...document.querySelectorAll("[data-view]")];
  const seen = new Set();
  onAddress((place, state) => {
    const target = place ? document.getElementById(place) : null;
    const view = target?.closest("[data-view]") ?? views[0];
    const before = views.find((other) => other.classList.contains("open"));
    views.forEach((other) => other.classList.toggle("open", other === view));
    document.querySelectorAll("[data-to]").forEach((link) => {
      if (link.dataset.to === view.id) {
        link.setAttribute("aria-current", "page");
        link.parentElement.scrollLeft = link.offsetLeft - link.parentElement.offsetLeft - 40;
      }
      else link.removeAttribute("aria-current");
    });
    opened(view, state, !seen.has(view));
    seen.add(view);
    const first = view.querySelector("section");
    if (target && target !== view && target !== first && target.matches("section")) target.scrollIntoView();
    else if (before && before !== view) scrollTo(0, 0);
  });
}
