// The page: takes pictures, works through them one after the other, and shows what came out.

import { announce, at, fail, make, megabytes, minutes, sentence } from "/dom.js";
import { examineFields, showExamination } from "/examining.js";
import { protectFields, showProtection } from "/protecting.js";
import * as queue from "/queue.js";
import { matches, showMatches } from "/retrieving.js";
import { TASKS } from "/tasks.js";
import { showVerdict } from "/verdict.js";

const CARDS = { verify: "answer", protect: "made", retrieve: "found", examine: "examined" };
const ROLES = ["none", "public", "reader", "protector", "admin"];
const MARKED = ["verify", "protect"];
let about = { upload_bytes: Infinity, registry: false, role: "public", systems: [] };
let control = null; // of the picture in work
let shown = null; // the entry on the page

const may = (role) => ROLES.indexOf(about.role) >= ROLES.indexOf(role);
const searching = () => about.registry && may("reader");
const chosen = () => document.querySelector("[name=task]:checked").value;

// --- taking ---------------------------------------------------------------------------------------------------

function take(sources) {
  const task = chosen();
  const own = { protect: () => protectFields(about.registry), examine: examineFields }[task]?.() ?? {};
  const fields = { ...own, ...systemField(task) };
  at("problem").hidden = true;
  if (!control) showNothing(); // the first that is done is shown
  for (const source of sources) {
    const entry = queue.add(source, task, fields);
    if (source.file?.size > about.upload_bytes) {
      const words = `This file has ${megabytes(source.file.size)}; the server takes at most ${megabytes(about.upload_bytes)}.`;
      queue.update(entry, { state: "failed", words });
      fail(words);
    }
  }
  if (!control) work();
}

/** The kind of mark, where the task has one and the server a choice. */
function systemField(task) {
  return MARKED.includes(task) && about.systems.length > 1 ? { system: at("system").value } : {};
}

const takeFiles = (files) => take([...files].map((file) => ({ name: file.name || "pasted", file })));

function takeUrl() {
  const url = at("url").value.trim();
  if (!url) return;
  take([{ name: nameIn(url) || url, url }]);
}

function nameIn(url) {
  const name = url.split(/[?#]/)[0].split("/").pop();
  try {
    return decodeURIComponent(name);
  } catch { // a % that is no escape
    return name;
  }
}

// --- working --------------------------------------------------------------------------------------------------

async function work() {
  for (let entry = queue.next(); entry; entry = queue.next()) {
    control = new AbortController();
    queue.update(entry, { state: "working" });
    at("progress").hidden = false;
    const started = performance.now();
    try {
      const { signal } = control;
      const answer = await TASKS[entry.task](entry.source, { signal, progress: showProgress, fields: entry.fields });
      queue.update(entry, { state: "done", answer, time: Date.now() });
      if (!shown) await show(entry);
      else announce(`${entry.name}: ${queue.outcome(entry)}`);
      document.documentElement.dataset.verdictMs = Math.round(performance.now() - started);
    } catch (error) {
      const stopped = error.name === "AbortError";
      queue.update(entry, { state: "failed", words: stopped ? "cancelled" : error.message });
      if (!stopped) fail(error.message);
    }
  }
  at("progress").hidden = true;
  control = null;
}

function showProgress(words, part) {
  const left = queue.waiting();
  const more = left ? ` (${left} more)` : "";
  at("doing").textContent = (part ? `${words}, ${Math.round(100 * part)} %` : words) + more;
  if (part === undefined) at("bar").removeAttribute("value");
  else at("bar").value = part;
  announce(words.replace(/,? \d+ s$/, "")); // screen readers get each step once, not every second
}

function cancel() {
  for (let entry = queue.next(); entry; entry = queue.next()) queue.update(entry, { state: "failed", words: "cancelled" });
  control?.abort();
  at("progress").hidden = true;
  announce("Stopped");
  at("file").focus();
}

// --- showing --------------------------------------------------------------------------------------------------

async function show(entry) {
  shown = entry;
  const { answer, name } = entry;
  const expired = queue.expired(entry);
  hideCards();
  queue.mark(entry);
  if (entry.task === "verify") await showVerdict(answer, { expired, searching: searching() && Boolean(entry.source) });
  else if (entry.task === "protect") showProtection(answer, { name, expired });
  else if (entry.task === "examine") showExamination(answer, { expired });
  else showMatches(answer, { name });
}

function showNothing() {
  shown = null;
  queue.mark(null);
  hideCards();
}

function hideCards() {
  for (const card of Object.values(CARDS)) at(card).hidden = true;
}

/** Look for the picture of a verdict in the registry. */
async function retrieve() {
  const entry = shown;
  const stop = new AbortController();
  control ??= stop;
  at("progress").hidden = false;
  at("retrieve").disabled = true;
  try {
    const answer = await TASKS.retrieve(entry.source, { signal: stop.signal, progress: showProgress });
    const { nodes, words } = matches(answer);
    at("records").replaceChildren(...nodes);
    at("retrieve").hidden = true;
    announce(words);
  } catch (error) {
    if (error.name !== "AbortError") fail(error.message);
  } finally {
    at("progress").hidden = true;
    at("retrieve").disabled = false;
    if (control === stop) {
      control = null;
      work();
    }
  }
}

// --- the server and the token -----------------------------------------------------------------------------------

async function introduce() {
  const token = at("token").value.trim();
  const reply = await fetch("/v1/about", token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  if (!reply.ok) return fail(sentence(await reply.json()));
  about = await reply.json();
  at("file").accept = ["image/*", ...about.formats].join(",");
  const moving = about.formats.includes(".gif") ? ", animated GIF, PNG and WebP" : "";
  at("limits").textContent = `JPEG, PNG, WebP, AVIF, TIFF, BMP or HEIC${moving}, up to ${megabytes(about.upload_bytes)} and ${about.megapixels} megapixels. `
    + `The file is deleted once it is read; what this page shows is kept for ${minutes(about.artefacts_seconds)}.`;
  at("problem").hidden = true;
  at("may-protect").hidden = !may("protector");
  at("may-retrieve").hidden = !searching();
  at("tasks").hidden = false;
  at("facts").hidden = !about.registry;
  at("system").replaceChildren(...about.systems.map((name) => make("option", { value: name, textContent: name })));
  chooseTask();
  return undefined;
}

function chooseTask() {
  const option = document.querySelector("[name=task]:checked");
  if (option.closest("label").hidden) document.querySelector("[name=task][value=verify]").checked = true;
  const task = chosen();
  at("fields").hidden = task !== "protect";
  at("marks").hidden = !MARKED.includes(task) || about.systems.length < 2;
  at("about-picture").hidden = task !== "examine";
  at("by-url").hidden = !about.fetches || task === "protect";
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
at("file").addEventListener("change", () => { takeFiles(at("file").files); at("file").value = ""; });
at("fetch").addEventListener("click", takeUrl);
at("url").addEventListener("keydown", (event) => { if (event.key === "Enter") takeUrl(); });
at("cancel").addEventListener("click", cancel);
at("retrieve").addEventListener("click", retrieve);
for (const option of document.querySelectorAll("[name=task]")) option.addEventListener("change", chooseTask);
takeToken();
queue.attach({ show, cleared: showNothing });
queue.restore();
addEventListener("hashchange", () => { takeToken(); introduce(); });
at("token").addEventListener("change", () => { sessionStorage.setItem("token", at("token").value.trim()); introduce(); });
document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) takeFiles(event.clipboardData.files); });
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); at("drop").classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); at("drop").classList.remove("over"); });
}
document.addEventListener("drop", (event) => takeFiles(event.dataTransfer.files));
introduce();
