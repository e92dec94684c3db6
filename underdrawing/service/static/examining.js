// Examination: the faces of a picture with what each detector of forgeries finds in them, and the whole with
// the maps of localizers and of classical methods.

import { announce, at, make, minutes, rows } from "/dom.js";

const STATES = { signs: ["⚠ Signs of forgery", "altered"], none: ["○ No signs found", "unprotected"], unknown: ["? Cannot tell", "unvouched"] };
const NO_PROOF = " (this proves nothing)";
const REASONS = {
  small: "It is too small to examine.",
  turned: "It is in profile or turned; the detectors were trained on faces seen from the front.",
  outside: "It is outside what the detectors know: too unlike the faces that they were trained on.",
  between: "There is too little evidence for either answer.",
  undecided: "No joint decision fits the detectors of this server.",
};
const METHODS = {
  "jpeg-grid": "JPEG grid", "double-jpeg": "double compression", resampling: "resampling",
  "copy-move": "copies", noise: "noise", "error-level": "error level (ELA)",
};
const MAP = /^(map\..+|joint|evidence\..+)$/; // artefacts that cover the whole picture
const OPAQUE = "evidence.error-level";
const OUTSIDE = "outside what this detector knows";
const MARGIN = 1.3; // of the square that a detector gets, in sides of the face's box
const SVG = "http://www.w3.org/2000/svg";
let answerUrl = "";

/** Title of an examination, as "⚠ Signs of forgery", and the class of its colour. */
export const title = (answer) => STATES[answer.status][0] + (answer.status === "none" ? NO_PROOF : "");
export const color = (answer) => STATES[answer.status][1];

/** The fields of a request to examine, as the form has them now. */
export function examineFields() {
  const text = at("picture-text").value.trim();
  return { ...(text && { text }), ...(at("describe").checked && { describe: "true" }) };
}

/** Show an answer in a card of its own. expired: whether its files are gone. */
export function showExamination(answer, { expired }) {
  at("examined-state").className = `verdict ${color(answer)}`;
  at("examined-title").textContent = title(answer);
  at("examined-message").textContent = answer.message;
  at("faces-part").hidden = !answer.faces.length;
  at("whole-part").hidden = !Object.keys(answer.evidence ?? {}).length;
  at("agreement").textContent = answer.agreement?.sentence ?? "";
  at("evidence").replaceChildren(...Object.entries(answer.evidence ?? {}).map(method));
  at("trained-part").hidden = !Object.keys(answer.detectors).length;
  at("trained").replaceChildren(...rows(Object.entries(answer.detectors)));
  at("about-examined").textContent = answer.text ? `Text that localizers got: ${answer.text}` : "";
  at("examined-notes").replaceChildren(...answer.notes.map((text) => make("li", { textContent: text })));
  at("examined-look").hidden = expired;
  offerHeat(answer, expired);
  show(answer, null, expired);
  showFiles(answer, expired);
  at("examined").hidden = false;
  announce(`${title(answer).slice(2)}. ${answer.message}`);
  at("examined-title").focus({ preventScroll: true });
  at("examined").scrollIntoView({ block: "start" });
}

/** One classical method: what it found, and what that can mean besides. */
function method([name, found]) {
  const state = found.found === null ? "not applied" : found.found ? "found something" : "found nothing";
  const heading = make("h4", { textContent: name === "error-level" ? METHODS[name] : `${METHODS[name] ?? name}: ${state}` });
  const texts = [found.sentence, found.innocent].map((textContent, row) => make("p", { textContent, className: row ? "quiet" : "" }));
  return make("li", { className: found.found ? "unvouched" : "unprotected" }, make("div", {}, heading, ...texts));
}

/** One choice for the heat map of each detector, for each map of the whole picture, and one for none. */
function offerHeat(answer, expired) {
  const maps = Object.keys(answer.detectors).filter((name) => answer.faces.some((_, number) => heatOf(answer, number, name)));
  maps.push(...Object.keys(answer.artefacts).filter((kind) => MAP.test(kind)));
  const choices = [null, ...maps].map((name) => {
    const input = make("input", { type: "radio", name: "heat", value: name ?? "", checked: name === null });
    input.addEventListener("change", () => show(answer, name, expired));
    return make("label", {}, input, mapName(name) ?? "none");
  });
  at("heats").replaceChildren(at("heats").querySelector("legend"), ...choices);
  at("heats").hidden = !maps.length;
}

/** Draw the picture and the list of its faces. name: of the detector whose heat map replaces each face, or null. */
function show(answer, name, expired) {
  const [width, height] = answer.size;
  if (!expired) {
    const count = answer.faces.length === 1 ? "one face" : `${answer.faces.length} faces`;
    at("portrait").setAttribute("viewBox", `0 0 ${width} ${height}`);
    at("portrait").setAttribute("aria-label", `The picture that was handed in, ${count} outlined and numbered`);
    at("portrait").replaceChildren(...layers(answer, name), ...answer.faces.flatMap((face, number) => outline(face, number, answer.size)));
  }
  at("heat-caption").textContent = name === null ? "Each face with its number; a dashed line: cannot tell."
    : name === OPAQUE ? "White changes most when the picture is saved again. Edges and texture do so in every picture."
    : name.startsWith("evidence.") ? `Red: what the method “${mapName(name)}” marks. It decides nothing.`
    : MAP.test(name) ? `The redder, the likelier it is that the place was manipulated, by ${mapName(name)}.`
    : `Red speaks for a forgery, blue against it, as ${name} weighs them. Colours compare within a face only.`;
  at("faces").replaceChildren(...answer.faces.map((face, number) => item(answer, face, number, expired ? undefined : MAP.test(name) ? null : name)));
}

function item(answer, face, number, name) {
  const probability = face.joint_prob === null ? "" : `, probability ${percent(face.joint_prob)}`;
  const heading = make("h4", { textContent: `Face ${number + 1}: ${STATES[face.status][0].slice(2)}${probability}` });
  const found = Object.entries(face.fake_prob).map(([detector, value]) => [detector, value === null ? OUTSIDE : percent(value)]);
  const reason = face.reason ? [make("p", { textContent: REASONS[face.reason] })] : [];
  const words = make("div", {}, heading, ...reason, make("dl", {}, ...rows(found)));
  if (name === undefined) return make("li", { className: STATES[face.status][1] }, words);
  const { x, y, side } = square(face);
  const closeup = draw("svg", { class: "closeup", viewBox: `${x} ${y} ${side} ${side}`, "aria-hidden": "true" }, ...layers(answer, name));
  return make("li", { className: STATES[face.status][1] }, closeup, words);
}

/** The picture, and over each face its heat map. */
function layers(answer, name) {
  const [width, height] = answer.size;
  const whole = draw("image", { href: answer.artefacts.received.url, width, height, preserveAspectRatio: "none" });
  if (name in answer.artefacts) return [...(name === OPAQUE ? [] : [whole]), ...overlay(answer, name)];
  const heat = name === null ? [] : answer.faces.flatMap((face, number) => {
    const file = heatOf(answer, number, name);
    const { x, y, side } = square(face);
    return file ? [draw("image", { href: file.url, x, y, width: side, height: side })] : [];
  });
  return [whole, ...heat];
}

/** A map of the whole picture in red, as opaque as its values; error levels as they are. */
function overlay(answer, name) {
  const [width, height] = answer.size;
  const map = draw("image", { href: answer.artefacts[name].url, width, height, preserveAspectRatio: "none" });
  if (name === OPAQUE) return [map];
  const mask = draw("mask", { id: "map-mask", maskUnits: "userSpaceOnUse", x: 0, y: 0, width, height }, map);
  return [mask, draw("rect", { width, height, mask: "url(#map-mask)", class: "map" })];
}

function outline(face, number, size) {
  const [x, y, width, height] = face.box;
  const letters = Math.max(...size) / 24;
  const label = draw("text", { x, y: Math.max(y - letters / 4, letters), "font-size": letters });
  label.textContent = number + 1;
  return [draw("rect", { x, y, width, height }), draw("rect", { x, y, width, height, class: face.status }), label];
}

function square(face) {
  const [left, top, width, height] = face.box;
  const side = MARGIN * Math.max(width, height);
  return { x: left + (width - side) / 2, y: top + (height - side) / 2, side };
}

function draw(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const mapName = (kind) => kind?.startsWith("evidence.") ? METHODS[kind.slice(9)] ?? kind.slice(9)
  : kind === "joint" ? "all localizers together" : kind?.replace(/^map\./, "");
const heatOf = (answer, number, name) => answer.artefacts[`face${number + 1}.${name}`];
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

function showFiles(answer, expired) {
  URL.revokeObjectURL(answerUrl);
  answerUrl = URL.createObjectURL(new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" }));
  const stem = (answer.file ?? "picture").replace(/\.[^.]*$/, "");
  const links = [make("a", { href: answerUrl, textContent: "Answer (JSON)", download: `${stem}.examined.json` })];
  if (!expired) links.unshift(make("a", { href: `${answer.artefacts.report.url}?download=true`, download: "", textContent: "Report (HTML)" }));
  at("examined-files").replaceChildren(...links.map((link) => make("li", {}, link)));
  at("examined-until").textContent = expired ? "Its files have expired; examine the picture again to get them."
    : `The server keeps these for ${minutes(answer.artefacts_seconds)}; only this page has their addresses.`;
}
