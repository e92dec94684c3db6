// The stage: one view at a time of the pictures of a verification.

import { hideAreas, showAreas, unhideAreas } from "/areas.js";
import { at } from "/dom.js";
import { across, attach, sharpen, showAll } from "/magnifier.js";

const RED = [214, 40, 30];
const GRAY = [90, 90, 90];
const HATCHES = 70; // across the long side
const VIEWS = [
  ["compare", "Before and after", ["received", "recovered"],
    "Left of the line: what was handed in. Right of it: what was there."],
  ["altered", "Altered area", ["received", "mask"],
    "Red, with a double line around it: what the evidence says was changed."],
  ["recovered", "Recovered", ["recovered"], "What was there, where that could be told."],
  ["source", "Source", ["source"], "Where each pixel of the recovered picture comes from."],
  ["confidence", "Confidence", ["confidence"], "How sure each recovered pixel is: white is sure, black is not."],
  ["content", "Hidden sketch", ["content"], "The whole picture as the hidden code alone tells it."],
  ["received", "Received", ["received"], "What was handed in."],
];
const ALT = {
  received: "The picture that was handed in",
  recovered: "The recovered picture: what was there",
  source: "Map of where each recovered pixel comes from",
  confidence: "Map of how sure each recovered pixel is",
  content: "The picture as the hidden code alone tells it",
};
const LEGENDS = {
  source: [["untouched", "untouched"], ["decoded", "decoded from the hidden code"], ["filled", "filled in by a prior"],
    ["lossless", "from the lossless layer"], ["registered", "from the registered original"], ["natural", "drawn after the code, detail invented"]],
  altered: [["changed", "changed"], ["unjudged", "not vouched for: black, clipped, flat or outside of the protected frame"]],
};

let urls = {};
let shown = ""; // the view that was chosen last

/** Offer the views that `artefacts` allow and show `first`. Resolves when the received picture is visible. */
export async function show(artefacts, first) {
  urls = Object.fromEntries(Object.entries(artefacts).map(([kind, file]) => [kind, file.url]));
  const offered = VIEWS.filter(([name, , kinds]) => kinds.every((kind) => urls[kind])
    && (name !== "received" || !urls.recovered));
  const fields = offered.map(([name, title]) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "view", value: name });
    input.addEventListener("change", () => choose(name));
    label.append(input, title);
    return label;
  });
  at("views").replaceChildren(at("views").querySelector("legend"), ...fields);
  const start = offered.find(([name]) => name === first) ?? offered[0];
  at("views").hidden = offered.length < 2;
  at("views").querySelector(`[value=${start[0]}]`).checked = true;
  await fit();
  showAll();
  await choose(at("views").querySelector(":checked").value); // the user may have chosen another meanwhile
}

/** Give the stage the aspect ratio of the received picture, at most three quarters of the window high. */
async function fit() {
  const image = await load(urls.received);
  const stage = at("stage");
  stage.style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight}`;
  stage.style.maxWidth = `calc(75vh * ${image.naturalWidth / image.naturalHeight})`;
}

async function choose(name) {
  shown = name;
  const [, , kinds, words] = VIEWS.find((view) => view[0] === name);
  at("caption").textContent = words;
  at("below").src = urls[kinds[0]];
  at("below").alt = ALT[kinds[0]];
  const comparing = name === "compare";
  const marking = name === "altered";
  at("above").hidden = at("edge").hidden = at("splitting").hidden = !comparing;
  at("red").hidden = at("fading").hidden = !marking;
  const entries = (LEGENDS[name] ?? []).filter(([kind]) => kind !== "unjudged" || urls.unvouched);
  at("legend").replaceChildren(...entries.map(([kind, text]) =>
    Object.assign(document.createElement("li"), { className: kind, textContent: text })));
  if (comparing) {
    at("above").src = urls.recovered;
    at("above").alt = ALT.recovered;
    split();
  }
  hideAreas();
  if (marking) {
    const mask = await load(urls.mask);
    const unvouched = urls.unvouched && await load(urls.unvouched);
    if (shown !== name) return; // the user chose another view meanwhile
    paint(mask, unvouched);
    unhideAreas();
    fade();
    sharpen();
  }
}

function split() {
  const part = Number(at("split").value);
  at("above").style.clipPath = `inset(0 0 0 ${100 * across(part / 100)}%)`; // the line stays while the picture moves
  at("edge").style.left = `${part}%`;
  at("split").setAttribute("aria-valuetext", `${part} % received, ${100 - part} % recovered`);
}

function fade() {
  at("red").style.opacity = Number(at("opacity").value) / 100;
  at("opacity").setAttribute("aria-valuetext", `${at("opacity").value} %`);
}

/** The mask as the opacity of red, and gray lines where no witness judges the picture. */
function paint(mask, unvouched) {
  const canvas = at("red");
  canvas.width = mask.naturalWidth;
  canvas.height = mask.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const bare = unvouched && pixels(context, unvouched).data;
  const picture = pixels(context, mask);
  const levels = picture.data;
  showAreas(levels, canvas.width, canvas.height);
  const period = Math.max(6, Math.round(Math.max(canvas.width, canvas.height) / HATCHES));
  for (let i = 0, x = 0, y = 0; i < levels.length; i += 4) {
    const line = bare && bare[i] > 127 && (x + y) % period < period / 3;
    levels[i + 3] = line ? 255 : levels[i];
    [levels[i], levels[i + 1], levels[i + 2]] = line ? GRAY : RED;
    x += 1;
    if (x === canvas.width) { x = 0; y += 1; }
  }
  context.putImageData(picture, 0, 0);
}

function pixels(context, image) {
  const { width, height } = context.canvas;
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

at("split").addEventListener("input", split);
at("opacity").addEventListener("input", fade);
attach({
  moved: split,
  slide(part) {
    at("split").value = 100 * part;
    split();
  },
});
