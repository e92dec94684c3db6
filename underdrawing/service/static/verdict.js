// The verdict on a picture: who first, then whether, then all that was found.

import { credentialsInWords, showCredentials } from "/credentials.js";
import { announce, at, code, make, minutes, rows, withCodes } from "/dom.js";
import { show } from "/views.js";
import { notVouched, showWitnesses, vouching } from "/witnesses.js";

const STATES = {
  intact: ["✓ Intact", ""],
  altered: ["⚠ Altered", ""],
  unvouched: ["? Not vouched for", "A mark is there and nothing contradicts it, but nothing proves the picture."],
  unprotected: ["? No mark found",
    "Either it was never protected, or the mark did not survive what was done to it since. "
    + "Its faces can be examined for signs of forgery, see above."],
};
const SIGNATURES = {
  valid: "valid",
  invalid: "INVALID: it does not hold for this key",
  absent: "none was read",
  unknown: "cannot be checked: its key, or the registry that keeps it, is not at hand",
};
const FACTS = {
  caption: "Caption", who: "Who", where: "Where", when: "When", source: "Source", label: "Label", licence: "Licence",
};
const FILES = [
  ["pdf", "Report (PDF)"], ["report", "Report (HTML)"], ["recovered", "Recovered picture"], ["mask", "Mask"],
  ["unvouched", "Area that no witness judges"],
  ["source", "Source map"], ["confidence", "Confidence map"], ["manifest", "Content Credentials that were lost (C2PA)"],
];

let answerUrl = "";

/** Title of a verdict, as "✓ Intact". */
export const title = (answer) => (answer.content_matches === false ? "⚠ Mark of another picture" : STATES[answer.status][0]);

/** Who protected a picture, by the names that people know: of the trust store, else of the registry. */
export function signer(answer) {
  if (answer.signature.name) return answer.signature.name;
  return answer.records.map((record) => record.facts.source ?? record.facts.who?.[0]).find(Boolean) ?? null;
}

/** Show a verdict with its pictures. expired: whether its files are gone. searching: whether to offer retrieval. */
export async function showVerdict(answer, { expired, searching }) {
  const meaning = answer.content_matches === false
    ? "Somebody moved the mark of another photograph onto this one." : STATES[answer.status][1];
  at("state").className = `verdict ${answer.status}`;
  at("verdict").textContent = title(answer);
  showWho(answer);
  at("message").replaceChildren(...withCodes(answer.message));
  at("vouching").textContent = vouching(answer);
  at("meaning").textContent = meaning;
  showWitnesses(answer);
  at("findings").replaceChildren(...rows(verdictRows(answer)));
  showCredentials(answer.credentials, expired ? null : answer.artefacts.manifest);
  showCamera(answer);
  showRecords(answer, searching);
  showFiles(answer, expired);
  at("answer").hidden = false;
  const who = signer(answer);
  announce(`Verdict: ${title(answer).slice(2)}. ${who ? `Protected by ${who}. ` : ""}${answer.message} ${vouching(answer)} ${
    credentialsInWords(answer.credentials)}`);
  at("verdict").focus({ preventScroll: true });
  at("answer").scrollIntoView({ block: "start" });
  at("look").hidden = expired;
  if (!expired) await show(answer.artefacts, answer.status === "altered" ? "altered" : "compare");
}

function showWho(answer) {
  const who = signer(answer);
  const known = answer.signature.name !== null;
  at("who").hidden = !who;
  if (!who) return;
  const source = known ? "known to this server" : "as the registry states; its key is not in this server's trust store";
  at("who").replaceChildren("Protected by ", make("strong", { textContent: who }), make("span", { className: "quiet", textContent: ` ${source}` }));
}

function verdictRows(answer) {
  const { signature } = answer;
  const trust = signature.trusted ? `known here as ${signature.name}` : "not in this server's trust store";
  return [
    ["File", answer.file],
    ["Signed by", signature.name],
    ["Signature", SIGNATURES[signature.state]],
    ["Altered area", answer.altered_fraction === null ? null : `${(100 * answer.altered_fraction).toFixed(2)} % of the picture`],
    ["Signed content", { true: "is this picture's", false: "is ANOTHER picture's" }[answer.content_matches]],
    ["Not vouched for", notVouched(answer)],
    ["Reading the file", answer.notes.join("\n")],
    ["Parts of the code read", answer.layers && (answer.layers.join(", ") || "none")],
    ["Identity", answer.identity ? code(answer.identity) : "none read"],
    ["Signer's key", signature.key && make("span", {}, code(signature.key), ` (${trust})`)],
    ["Protected before as", answer.previous && make("span", {}, code(answer.previous.identity), answer.previous.key
      ? `, signed by key ${answer.previous.key}...` : ", not signed", " (the present protector says so)")],
    ["Recorded by the protector", recorded(answer)],
    ["SHA-256 of the file", answer.sha256 && code(answer.sha256)],
    ["Time", `${answer.seconds.toFixed(2)} s`],
  ];
}

/** Facts that the mark records of the picture as protected. */
function recorded({ recorded: facts, signature }) {
  if (!facts) return null;
  const faces = facts.faces === 15 ? "15 or more faces" : `${facts.faces} face${facts.faces === 1 ? "" : "s"}`;
  const sure = facts.confidence === null ? "named" : facts.confidence.toFixed(2).replace(/^0/, "");
  const label = facts.label && `${facts.label} (${sure})`;
  const parts = [label, facts.faces !== null && faces, facts.caption && `a caption with the hash ${facts.caption}`];
  const proven = signature.state === "valid" ? "" : " (no valid signature proves it)";
  return parts.filter(Boolean).join(", ") + proven;
}

function showCamera(answer) {
  const found = answer.camera;
  at("camera").hidden = !found;
  if (!found) return;
  at("shot").replaceChildren(...rows([
    ["Camera", [found.maker, found.model].filter(Boolean).join(" ")], ["Lens", found.lens], ["Taken", found.taken],
    ["Place", found.place ? "the file names one (GPS)" : "none in the file"], ["Written by", found.software],
    ["Artist", found.artist], ["Copyright", found.copyright],
  ]));
}

function showRecords(answer, searching) {
  const offered = searching && !answer.records.length;
  at("registry").hidden = !answer.records.length && !offered;
  at("retrieve").hidden = !offered;
  const unproven = "Registered under this identity, not proven for this picture; facts are withheld.";
  at("records").replaceChildren(...answer.records.map((record) => facts(record, record.size ? "" : unproven)));
  if (answer.identity && offered) at("records").append(make("p", { textContent: "The registry does not know this identity." }));
}

/** A record of the registry. words: a sentence above it. */
export function facts(record, words) {
  const said = Object.entries(FACTS).map(([name, heading]) => {
    const value = record.facts[name];
    return [heading, Array.isArray(value) ? value.join(", ") : value];
  });
  const list = make("dl", {}, ...rows([
    ...said, ["Registered", record.registered.replace("T", " ").replace("Z", " UTC")],
    ["Size", record.size && `${record.size[0]} x ${record.size[1]}`], ["Original", record.original?.place],
    ["Identity", record.identity && code(record.identity)], ["Owner's key", record.owner && code(record.owner.fingerprint)],
  ]));
  const manifest = make("a", { href: record.manifest, download: "", textContent: "Its Content Credentials (C2PA)" });
  return make("div", {}, ...(words ? [make("p", { textContent: words })] : []), list,
    ...(record.manifest ? [make("p", { className: "files" }, manifest)] : []));
}

function showFiles(answer, expired) {
  const there = expired ? [] : FILES.filter(([kind]) => answer.artefacts[kind]);
  const links = there.map(([kind, text]) =>
    make("a", { href: `${answer.artefacts[kind].url}?download=true`, download: "", textContent: text }));
  const json = new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" });
  URL.revokeObjectURL(answerUrl);
  answerUrl = URL.createObjectURL(json);
  const stem = (answer.file ?? "picture").replace(/\.[^.]*$/, "");
  links.push(make("a", { href: answerUrl, textContent: "Answer (JSON)", download: `${stem}.verification.json` }));
  at("files").replaceChildren(...links.map((link) => make("li", {}, link)));
  at("printed").hidden = expired || !answer.artefacts.pdf;
  if (answer.artefacts.pdf) at("printed").href = `${answer.artefacts.pdf.url}?download=true`;
  at("until").textContent = expired ? "Its files have expired; check the picture again to get them."
    : `The server keeps these for ${minutes(answer.artefacts_seconds)}; only this page has their addresses.`;
}
