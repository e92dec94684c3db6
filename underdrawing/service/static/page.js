// The page: uploads a picture, waits while the server is busy, and shows the verdict.

import { credentialsInWords, showCredentials } from "/credentials.js";
import { show } from "/views.js";
import { notVouched, showWitnesses, vouching } from "/witnesses.js";

const STATES = {
  intact: ["✓ Intact", ""],
  altered: ["⚠ Altered", ""],
  unvouched: ["? Not vouched for", "A mark is there and nothing contradicts it, but nothing proves the picture."],
  unprotected: ["? No mark found",
    "Either it was never protected, or the mark did not survive what was done to it since."],
};
const SIGNATURES = {
  valid: "valid",
  invalid: "INVALID: it does not hold for this key",
  absent: "none was read",
  unknown: "cannot be checked: no key with this fingerprint is at hand",
};
const FACTS = {
  caption: "Caption", who: "Who", where: "Where", when: "When", source: "Source", label: "Label", licence: "Licence",
};
const FILES = [
  ["pdf", "Report (PDF)"], ["report", "Report (HTML)"], ["recovered", "Recovered picture"], ["mask", "Mask"],
  ["unvouched", "Area that no witness judges"],
  ["source", "Source map"], ["confidence", "Confidence map"], ["manifest", "Content Credentials that were lost (C2PA)"],
];
const TRIES = 8;

const at = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
let about = { upload_bytes: Infinity, registry: false, role: "public" };
let current = null; // the running request
let picture = null;

// --- upload ---------------------------------------------------------------------------------------------------

async function submit(file) {
  current?.abort();
  const control = current = new AbortController();
  picture = file;
  at("problem").hidden = at("answer").hidden = true;
  if (file.size > about.upload_bytes) {
    fail(`This file has ${megabytes(file.size)}; the server takes at most ${megabytes(about.upload_bytes)}.`);
    return;
  }
  at("progress").hidden = false;
  const started = performance.now();
  try {
    const answer = await ask("/v1/verify", file, control.signal);
    if (control !== current) return;
    showVerdict(answer);
    await show(answer.artefacts, answer.status === "altered" ? "altered" : "compare");
    document.documentElement.dataset.verdictMs = Math.round(performance.now() - started);
  } catch (error) {
    if (control === current && error.name !== "AbortError") fail(error.message);
  } finally {
    if (control === current) {
      at("progress").hidden = true;
      current = null;
    }
  }
}

/** The response of the server; tries again while the server is busy. */
async function ask(path, file, signal) {
  for (let attempt = 1; ; attempt += 1) {
    const [status, answer, wait] = await send(path, file, signal);
    if (status === 200) return answer;
    if (![429, 503].includes(status) || !wait || attempt === TRIES) {
      throw new Error(status === 401 ? `${sentence(answer)} Enter one under "Access token".` : sentence(answer));
    }
    for (let left = Math.min(wait, 60); left > 0; left -= 1) {
      showProgress(`The server is busy; trying again in ${left} s`);
      await pause(1000, signal);
    }
  }
}

function send(path, file, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("picture", file, file.name || "pasted");
    let clock = 0;
    request.open("POST", path);
    if (at("token").value) request.setRequestHeader("Authorization", `Bearer ${at("token").value.trim()}`);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.loaded < event.total) showProgress("Sending the photograph", event.loaded / event.total);
    };
    request.upload.onload = () => {
      const since = Date.now();
      showProgress("Reading the photograph");
      clock = setInterval(() => showProgress(`Reading the photograph, ${Math.round((Date.now() - since) / 1000)} s`), 1000);
    };
    request.onloadend = () => clearInterval(clock);
    request.onerror = () => reject(new Error("The server cannot be reached, or it broke off."));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    request.onload = () => {
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { answer = { detail: `HTTP ${request.status}` }; }
      resolve([request.status, answer, Number(request.getResponseHeader("Retry-After"))]);
    };
    signal.addEventListener("abort", () => request.abort());
    showProgress("Sending the photograph", 0);
    request.send(form);
  });
}

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(new DOMException("stopped", "AbortError")); });
});

function showProgress(words, part) {
  at("doing").textContent = part ? `${words}, ${Math.round(100 * part)} %` : words;
  if (part === undefined) at("bar").removeAttribute("value");
  else at("bar").value = part;
  announce(words.replace(/,? \d+ s$/, "")); // screen readers get each step once, not every second
}

// --- verdict -------------------------------------------------------------------------------------------------

function showVerdict(answer) {
  const [title, meaning] = answer.content_matches === false
    ? ["⚠ Mark of another picture", "Somebody moved the mark of another photograph onto this one."]
    : STATES[answer.status];
  at("state").className = `verdict ${answer.status}`;
  at("verdict").textContent = title;
  at("message").textContent = answer.message;
  at("vouching").textContent = vouching(answer);
  at("meaning").textContent = meaning;
  showWitnesses(answer);
  at("findings").replaceChildren(...rows(verdictRows(answer)));
  showCredentials(answer.credentials, answer.artefacts.manifest);
  showRecords(answer);
  showFiles(answer);
  at("answer").hidden = false;
  announce(`Verdict: ${title.slice(2)}. ${answer.message} ${vouching(answer)} ${credentialsInWords(answer.credentials)}`);
  at("verdict").focus({ preventScroll: true });
  at("answer").scrollIntoView({ block: "start" });
}

function verdictRows(answer) {
  const { signature } = answer;
  const trust = signature.trusted ? `known here as ${signature.name}` : "not in this server's trust store";
  return [
    ["File", answer.file],
    ["Identity", answer.identity ?? "none read"],
    ["Signature", SIGNATURES[signature.state]],
    ["Signer's key", signature.key && `${signature.key} (${trust})`],
    ["Altered area", answer.altered_fraction === null ? null : `${(100 * answer.altered_fraction).toFixed(2)} % of the picture`],
    ["Signed content", { true: "is this picture's", false: "is ANOTHER picture's" }[answer.content_matches]],
    ["Not vouched for", notVouched(answer)],
    ["Protected before as", answer.previous && `${answer.previous.identity}${answer.previous.key
      ? `, signed by key ${answer.previous.key}...` : ", not signed"} (the present protector says so)`],
    ["Parts of the code read", answer.layers && (answer.layers.join(", ") || "none")],
    ["SHA-256 of the file", answer.sha256],
    ["Time", `${answer.seconds.toFixed(2)} s`],
  ];
}

function showRecords(answer) {
  const searching = about.registry && about.role !== "public" && !answer.records.length;
  at("registry").hidden = !answer.records.length && !searching;
  at("retrieve").hidden = !searching;
  const unproven = "Registered under this identity, not proven for this picture; facts are withheld.";
  at("records").replaceChildren(...answer.records.map((record) => facts(record, record.size ? "" : unproven)));
  if (answer.identity && searching) at("records").append(make("p", { textContent: "The registry does not know this identity." }));
}

function facts(record, words) {
  const said = Object.entries(FACTS).map(([name, title]) => {
    const value = record.facts[name];
    return [title, Array.isArray(value) ? value.join(", ") : value];
  });
  const list = make("dl", {}, ...rows([
    ...said, ["Identity", record.identity], ["Registered", record.registered.replace("T", " ").replace("Z", " UTC")],
    ["Size", record.size && `${record.size[0]} x ${record.size[1]}`], ["Owner's key", record.owner?.fingerprint],
    ["Original", record.original?.place],
  ]));
  const manifestLink = make("a", { href: record.manifest, download: "", textContent: "Its Content Credentials (C2PA)" });
  return make("div", {}, ...(words ? [make("p", { textContent: words })] : []), list,
    ...(record.manifest ? [make("p", { className: "files" }, manifestLink)] : []));
}

async function retrieve() {
  const control = current = new AbortController();
  at("progress").hidden = false;
  at("retrieve").disabled = true;
  try {
    const found = await ask("/v1/retrieve", picture, control.signal);
    const sure = found.matches.filter((match) => match.sure);
    const words = sure.length ? "Found by what it shows" : "Nothing is found for sure. The nearest:";
    at("records").replaceChildren(...(sure.length ? sure : found.matches.slice(0, 1)).map((match) =>
      facts(match, `${words} (alike ${match.score.toFixed(2)})`)));
    if (!found.matches.length) at("records").append(make("p", { textContent: "The registry is empty." }));
    at("retrieve").hidden = true;
    announce(words);
  } catch (error) {
    if (error.name !== "AbortError") fail(error.message);
  } finally {
    at("progress").hidden = true;
    at("retrieve").disabled = false;
    if (control === current) current = null;
  }
}

function showFiles(answer) {
  const links = FILES.filter(([kind]) => answer.artefacts[kind]).map(([kind, title]) =>
    make("a", { href: `${answer.artefacts[kind].url}?download=true`, textContent: title, download: "" }));
  at("printed").href = `${answer.artefacts.pdf.url}?download=true`;
  const json = new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" });
  links.push(make("a", { href: URL.createObjectURL(json), textContent: "Answer (JSON)", download: "verification.json" }));
  at("files").replaceChildren(...links.map((link) => make("li", {}, link)));
  const ends = new Date(Date.now() + 1000 * answer.artefacts_seconds);
  at("until").textContent = `The server keeps these until ${ends.toLocaleTimeString()}; only this page has their addresses.`;
}

const rows = (pairs) => pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
  .flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]);

function fail(words) {
  at("problem").textContent = words;
  at("problem").hidden = false;
  at("progress").hidden = true;
}

function announce(words) {
  if (at("live").textContent !== words) at("live").textContent = words;
}

function sentence(problem) {
  const text = String(problem?.detail ?? "Something went wrong");
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(bytes % 2 ** 20 ? 1 : 0)} MB`;
const minutes = (seconds) => (seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} minutes`);

// --- events --------------------------------------------------------------------------------------------------

async function introduce() {
  const token = at("token").value.trim();
  const reply = await fetch("/v1/about", token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  if (!reply.ok) return fail(sentence(await reply.json()));
  about = await reply.json();
  at("file").accept = ["image/*", ...about.formats].join(",");
  at("limits").textContent = `JPEG, PNG, WebP, AVIF, TIFF, BMP or HEIC, up to ${megabytes(about.upload_bytes)} and ${about.megapixels} megapixels. `
    + `The file is deleted once it is read; what this page shows is kept for ${minutes(about.artefacts_seconds)}.`;
  at("problem").hidden = true;
  return undefined;
}

/** Move the token that `serve` prints behind # from the address to this tab's storage. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    sessionStorage.setItem("token", token);
    history.replaceState(null, "", location.pathname);
  }
  at("token").value = sessionStorage.getItem("token") ?? "";
}

at("drop").addEventListener("submit", (event) => event.preventDefault());
at("file").addEventListener("change", () => { if (at("file").files[0]) submit(at("file").files[0]); });
at("cancel").addEventListener("click", () => { current?.abort(); at("progress").hidden = true; announce("Stopped"); at("file").focus(); });
at("retrieve").addEventListener("click", retrieve);
takeToken();
addEventListener("hashchange", () => { takeToken(); introduce(); });
at("token").addEventListener("change", () => { sessionStorage.setItem("token", at("token").value.trim()); introduce(); });
document.addEventListener("paste", (event) => { if (event.clipboardData.files[0]) submit(event.clipboardData.files[0]); });
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); at("drop").classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); at("drop").classList.remove("over"); });
}
document.addEventListener("drop", (event) => {
  if (event.dataTransfer.files.length > 1) fail("One photograph at a time, please; the command line takes whole folders.");
  else if (event.dataTransfer.files[0]) submit(event.dataTransfer.files[0]);
});
introduce();
