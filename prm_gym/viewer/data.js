// Where records come from: packs in the page, unpacked when they are shown, or the server that the page came from.

const KEPT = 12;
const kept = new Map();

async function inflated(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

const unpacked = async (text) => JSON.parse(await inflated(text));

const parsed = new Promise((resolve) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve, { once: true });
  else resolve();
});

// The page is still being read while the list is there already.
async function block(id) {
  if (!document.getElementById(id)) await parsed;
  return document.getElementById(id).textContent;
}

async function asked(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await answer.text()).slice(0, 500) || `the server answers ${answer.status}`);
  return answer.json();
}

function remembered(key, make) {
  const found = kept.get(key) ?? make();
  kept.delete(key);
  kept.set(key, found);
  found.catch(() => kept.delete(key));
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return found;
}

// Number of the pack that holds a record.
function packOf(starts, wanted) {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}

// A record of a pack, or of the server.
async function record(kind, starts, wanted) {
  if (index.server) return remembered(`${kind}/${wanted}`, () => asked(`${kind}/${wanted}?reading=${index.reading}`));
  const at = packOf(starts, wanted);
  return (await unpackedOnce(`${kind}-${at}`))[wanted - starts[at]];
}

const unpackedOnce = (name) => remembered(name, async () => unpacked(await block(name)));

// A trajectory with the texts whose numbers it holds.
async function trajectoryOf(wanted) {
  if (index.server) return record("trajectory", [], wanted);
  const [item, { texts }] = await Promise.all([record("trajectory", index.packs, wanted), unpackedOnce(`text-${packOf(index.texts, wanted)}`)]);
  return { texts, ...item };
}

const graphOf = (wanted) => record("graph", index.graphs, wanted);

const SOUGHT = 64 << 20; // letters that are kept unpacked for the next search; what is beyond is unpacked again
const sought = new Map(); // number of a block of texts -> its texts in small letters, and whom they lead to
let soughtLetters = 0;

async function soughtIn(at) {
  if (sought.has(at)) return sought.get(at);
  const { texts, owners } = await unpacked(await block(`text-${at}`));
  const found = { texts: texts.map((text) => text.toLowerCase()), owners };
  const letters = texts.reduce((sum, text) => sum + text.length, owners.length);
  if (!sought.has(at) && soughtLetters + letters <= SOUGHT) {
    soughtLetters += letters;
    sought.set(at, found);
  }
  return found;
}

// Trajectories whose steps hold a text, as they are found: told(numbers, share of all that is looked through).
async function searchSteps(needle, told, stopped) {
  if (index.server) {
    const count = index.id.length;
    for (let from = 0; from < count && !stopped();) {
      const { hits, next } = await asked(`search?q=${encodeURIComponent(needle)}&from=${from}&reading=${index.reading}`);
      told(hits, next / count);
      from = next;
    }
    return;
  }
  const lower = needle.toLowerCase();
  let rested = performance.now();
  let next = index.texts.length ? soughtIn(0) : null;
  for (const [at, start] of index.texts.entries()) {
    const block = await next;
    if (stopped()) return;
    next = at + 1 < index.texts.length ? soughtIn(at + 1) : null; // unpacked beside the search, by a thread of the browser
    const found = bearers(block, lower, start);
    told(found, (at + 1) / index.texts.length);
    if (performance.now() - rested < 12) continue;
    await new Promise((resolve) => setTimeout(resolve)); // keys and frames come first
    rested = performance.now();
  }
}

// Trajectories that a block's texts lead to: of each text how many, then the distance of each from the one before (`Texts.owners`).
function bearers({ texts, owners }, lower, start) {
  const found = new Set();
  let [place, first] = [0, start];
  for (const text of texts) {
    const last = place + owners[place];
    if (last > place && text.includes(lower)) {
      let owner = first;
      for (let each = place + 1; each <= last; each += 1) found.add((owner += owners[each]));
    }
    if (last > place) first += owners[place + 1];
    place = last + 1;
  }
  return [...found];
}
