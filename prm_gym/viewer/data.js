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

async function record(kind, starts, wanted) {
  if (index.server) return remembered(`${kind}/${wanted}`, () => asked(`${kind}/${wanted}?reading=${index.reading}`));
  const at = packOf(starts, wanted);
  const pack = await remembered(`${kind}-${at}`, async () => unpacked(await block(`${kind}-${at}`)));
  return { texts: pack.texts, ...pack.items[wanted - starts[at]] };
}

const trajectoryOf = (wanted) => record("trajectory", index.packs, wanted);
const graphOf = (wanted) => record("graph", index.graphs, wanted);

// Trajectories whose steps hold a text, as they are found: told(numbers, share of all that is looked through).
async function searchSteps(needle, told, stopped) {
  const lower = needle.toLowerCase();
  const count = index.id.length;
  if (index.server) {
    for (let from = 0; from < count && !stopped();) {
      const { hits, next } = await asked(`search?q=${encodeURIComponent(needle)}&from=${from}&reading=${index.reading}`);
      told(hits, next / count);
      from = next;
    }
    return;
  }
  const written = JSON.stringify(lower).slice(1, -1); // as it stands in the text of a pack, which is parsed only where it has it
  let rested = performance.now();
  for (const [at, start] of index.packs.entries()) {
    if (stopped()) return;
    const raw = await inflated(await block(`trajectory-${at}`));
    told(raw.toLowerCase().includes(written) ? found(JSON.parse(raw), lower, start) : [], (at + 1) / index.packs.length);
    if (performance.now() - rested < 30) continue;
    await new Promise((resolve) => setTimeout(resolve)); // keys and frames come first
    rested = performance.now();
  }
}

function found(pack, lower, start) {
  const texts = new Set(pack.texts.flatMap((text, place) => (text.toLowerCase().includes(lower) ? [place] : [])));
  return texts.size === 0 ? [] : pack.items.flatMap((item, place) => (bears(item, texts) ? [start + place] : []));
}

function bears(item, texts) {
  return texts.has(item.question) || item.steps.some((step) => texts.has(step.observation) || texts.has(step.action)
    || (step.verdicts ?? []).some((verdict) => texts.has(verdict.reason)));
}
