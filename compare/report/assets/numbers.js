// Numbers as the static page writes them (numbers.py); tests hold the two against each other.

export function compact(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 10 ** digits) {
    const text = value.toPrecision(digits);
    if (!text.includes("e")) return text;
  }
  if (size >= 1 && size < 1e4) return value.toFixed(0);
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${mantissa}e${Number(exponent)}`;
}

// All digits that tell a number from its neighbours.
export function exact(value) {
  return Number.isFinite(value) ? String(value) : compact(value);
}

export function percent(share, digits = 2) {
  if (share > 0 && share < 1e-5) return "<0.001 %";
  if (share === null || share === undefined || Number.isNaN(share)) return "NaN";
  return share >= 10 ? `${compact(share, digits)} times` : `${compact(share * 100, digits)} %`;
}

// A share in words: "5.3 % of the bound", "8.3e4 times the bound".
export function ofBound(share) {
  const text = percent(share);
  return text.endsWith("times") ? `${text} the bound` : `${text} of the bound`;
}

// The first number in a table's cell, for sorting: "✗ 3.1e-16 · 0.03 %" is 3.1e-16, "3.2 times" of a percentage 320.
export function sortable(text) {
  const cell = text.trim();
  if (/^(✗ )?NaN/.test(cell) || cell.startsWith("∞")) return Infinity;
  const found = cell.replaceAll(",", "").match(/-?\d+(\.\d+)?(e[+-]?\d+)?/);
  if (!found) return null;
  const after = cell.slice(cell.indexOf(found[0].at(-1)) + 1);
  return Number(found[0]) * (/^ times/.test(after) ? 100 : 1);
}
