// The pictures of this tab: those that wait, the one in work, and those done, in a table. What is done is kept in the tab's
// storage, so that it is still there after a reload; a button clears it.

import { announce, at, clock, make } from "/dom.js";
import * as examining from "/examining.js";
import { signer, title } from "/verdict.js";

const KEPT = "history";
const MAX_KEPT = 50;
const DOING = { verify: "Verify", protect: "Protect", retrieve: "Find", examine: "Examine" };
const STATUS = { verify: (answer) => answer.status, examine: examining.color };
let entries = [];
let listeners = { show() {}, cleared() {} };
let onPage = null;
let number = 0;

/** show: called with an entry that the user chose; cleared: called when all of them are removed. */
export function attach(found) { listeners = found; }

/** Add a picture. source: as of tasks.js. */
export function add(source, task, fields) {
  const entry = { id: number += 1, source, name: source.name, task, fields, state: "waiting", answer: null, words: "", time: Date.now() };
  entries.push(entry);
  render();
  return entry;
}

export const next = () => entries.find((entry) => entry.state === "waiting");
export const waiting = () => entries.filter((entry) => entry.state === "waiting").length;

/** Change an entry, and show it so. */
export function update(entry, values) {
  Object.assign(entry, values);
  render();
  if (values.answer) keep();
}

/** Whether the files of an entry's answer are gone. */
export const expired = (entry) => Date.now() > entry.time + 1000 * (entry.answer?.artefacts_seconds ?? 0);

/** Mark the entry that the page shows; null for none. */
export function mark(entry) {
  onPage = entry;
  render();
}

function keep() {
  const done = entries.filter((entry) => entry.answer).slice(-MAX_KEPT)
    .map(({ name, task, state, answer, words, time }) => ({ name, task, state, answer, words, time }));
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(done));
  } catch { /* the storage is full: the table stays, until the tab is closed */ }
}

/** Bring back what an earlier page of this tab kept. */
export function restore() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    entries = kept.map((entry) => ({ ...entry, id: number += 1, source: null }));
  } catch {
    entries = [];
  }
  render();
}

/** What came out, in few words. */
export function outcome(entry) {
  const { answer, task, state, words } = entry;
  if (!answer) return { waiting: "waiting", working: "in work", failed: words }[state];
  if (task === "verify") return title(answer);
  if (task === "examine") return examining.title(answer);
  if (task === "protect") return "✓ Protected";
  return answer.status === "found" ? "✓ Found" : "? Not found";
}

function render() {
  at("history").hidden = !entries.length;
  at("clear").disabled = !entries.some((entry) => entry.answer || entry.state === "failed");
  at("queue").replaceChildren(...entries.map(row).reverse());
}

function row(entry) {
  const status = entry.answer ? (STATUS[entry.task]?.(entry.answer) ?? "intact") : "";
  const who = entry.answer && entry.task === "verify" ? signer(entry.answer) : null;
  const button = make("button", { type: "button", textContent: "Show", disabled: !entry.answer });
  button.setAttribute("aria-label", `Show ${entry.name}`);
  button.addEventListener("click", () => listeners.show(entry));
  const cells = [
    make("td", { textContent: DOING[entry.task] }),
    make("td", {}, make("span", { className: `outcome ${status}`, textContent: outcome(entry) })),
    make("td", { textContent: who ?? "–" }),
    make("td", { textContent: clock(entry.time) }),
    make("td", {}, button),
  ];
  ["Task", "Result", "By", "At", ""].forEach((heading, column) => { cells[column].dataset.heading = heading; });
  const line = make("tr", {}, make("th", { scope: "row", textContent: entry.name }), ...cells);
  if (entry === onPage) line.setAttribute("aria-current", "true");
  return line;
}

at("clear").addEventListener("click", () => {
  entries = entries.filter((entry) => ["waiting", "working"].includes(entry.state));
  sessionStorage.removeItem(KEPT);
  render();
  listeners.cleared();
  announce("The list is cleared");
});
