// The address: #place?name=value&name=value. What a page shows is a function of it, so that going back, reloading and
// sending the address to somebody else all work.

// {place, state} of a fragment as in "#equal?scenario=xor"; values are text.
export function parseAddress(fragment) {
  const text = fragment.replace(/^#/, "");
  const mark = text.indexOf("?");
  const place = decodeURIComponent(mark < 0 ? text : text.slice(0, mark));
  const state = mark < 0 ? {} : Object.fromEntries(new URLSearchParams(text.slice(mark + 1)));
  return { place, state };
}

// The fragment of a place and a state; what is empty is left out, the rest is in alphabetical order.
export function formatAddress(place, state = {}) {
  const said = Object.entries(state).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(said.map(([name, value]) => [name, String(value)]));
  query.sort();
  const text = query.toString();
  return `#${encodeURIComponent(place)}${text ? `?${text}` : ""}`;
}

export function address() {
  return parseAddress(location.hash);
}

const addressListeners = [];
let spoken = null; // the last address that was acted on

function tell() {
  if (location.hash === spoken) return;
  spoken = location.hash;
  const { place, state } = address();
  addressListeners.forEach((listener) => listener(place, state));
}

// Call listener(place, state) now and whenever the address changes.
export function onAddress(listener) {
  addressListeners.push(listener);
  if (addressListeners.length === 1) addEventListener("hashchange", tell);
  const { place, state } = address();
  spoken = location.hash;
  listener(place, state);
}

// Go to an address: a step in the browser's history, or, with replace, none (typing, dragging, walking along a curve).
export function go(place, state = {}, { replace = false } = {}) {
  const fragment = formatAddress(place, state);
  if (fragment === location.hash) return;
  if (replace) history.replaceState(null, "", fragment);
  else history.pushState(null, "", fragment);
  tell();
}

// Change some of the state; the place stays.
export function change(part, options) {
  const { place, state } = address();
  go(place, { ...state, ...part }, options);
}
