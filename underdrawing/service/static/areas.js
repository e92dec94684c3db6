// The altered areas on the stage: a double line, dark around light, that shows on any picture, and a walk from area to area.

import { announce, at } from "/dom.js";
import { lookAt } from "/magnifier.js";
import { regionsOf } from "/regions.js";
import { percent } from "/witnesses.js";

const PART_OF_STAGE = 0.4; // that an area takes once it is looked at
let areas = [];
let current = -1;

/** Outline the areas of a mask. levels: its RGBA. */
export function showAreas(levels, width, height) {
  const found = regionsOf(levels, width, height);
  ({ areas } = found);
  current = -1;
  at("outline").setAttribute("viewBox", `0 0 ${found.columns} ${found.lines}`);
  for (const line of at("outline").children) line.setAttribute("d", found.path);
  at("walking").hidden = !areas.length;
  at("area").textContent = areas.length === 1 ? "1 area" : `${areas.length} areas`;
  at("previous").hidden = areas.length < 2;
  at("next").textContent = areas.length < 2 ? "Show the area" : "Next area";
}

/** Hide outline and walk, in views where they mean nothing. */
export function hideAreas() {
  at("outline").style.display = "none";
  at("walking").hidden = true;
}

export function unhideAreas() {
  at("outline").style.display = "";
  at("walking").hidden = !areas.length;
}

function walk(step) {
  current = current < 0 ? (step > 0 ? 0 : areas.length - 1) : (current + step + areas.length) % areas.length;
  const area = areas[current];
  lookAt(area.x + area.width / 2, area.y + area.height / 2, PART_OF_STAGE / Math.max(area.width, area.height, 0.001));
  at("stage").scrollIntoView({ block: "nearest" });
  const words = `Area ${current + 1} of ${areas.length}: ${percent(area.share)} of the picture`;
  at("area").textContent = words;
  announce(words);
}

at("next").addEventListener("click", () => walk(1));
at("previous").addEventListener("click", () => walk(-1));
