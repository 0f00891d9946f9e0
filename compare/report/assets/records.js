// The networks' records: those in the page, and those in files beside it, which are loaded when they are asked for.

/* global handed */

const recordsHere = {};

async function opened(content) {
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// A script rather than a request, which a page from the disk may not make.
function fetched(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `data/${encodeURIComponent(name)}.js`;
    script.onload = () => (name in handed ? resolve() : reject(new Error(`data/${name}.js holds something else`)));
    script.onerror = () => reject(new Error(`data/${name}.js is not beside this page; keep the folder data with it, or choose another network`));
    document.head.append(script);
  });
}

// The record of a network, and its part of the page as HTML; an Error says in a line why there is none.
export async function recordOf(name) {
  if (!recordsHere[name]) {
    if (!(name in handed)) await fetched(name);
    const [record, html] = await opened(handed[name]);
    delete handed[name];
    recordsHere[name] = { record, html };
  }
  return recordsHere[name];
}

// The same without waiting, if it is here already.
export function recordHere(name) {
  return recordsHere[name];
}
