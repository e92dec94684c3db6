// The witnesses of a verdict: one sentence for the card, and a table of what each says, covers and would miss.

import { at, make } from "/dom.js";

const NAMES = {
  mark: "Mark", "signed content": "Signed content", "lossless layer": "Lossless layer", "registered original": "Registered original",
};
const SAYS = {
  agrees: ["✓", "Agrees"], unproven: ["○", "Agrees, proves nothing"], contradicts: ["⚠", "Contradicts"], silent: ["–", "Silent"],
};
const HEADINGS = ["Witness", "What it says", "Covers", "Smallest edit it would have found"];

/** A share 0 to 1 with the digits that matter. */
export const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)}\u00a0%`;

/** Fill the section. answer: a verification. */
export function showWitnesses(answer) {
  const witnesses = answer.assurance?.witnesses ?? [];
  at("witnesses").hidden = !witnesses.length;
  at("testimony").replaceChildren(...witnesses.map(row));
}

/** Who vouches for an unaltered picture, and from which area on an edit would have been found. */
export function vouching(answer) {
  if (!answer.assurance || answer.status === "altered") return "";
  const strongest = answer.assurance.witnesses.findLast((witness) => witness.binding && witness.state === "agrees");
  if (!strongest) return "Vouched for by no witness: somebody with this program could have hidden an edit.";
  const reach = strongest.least_area === null ? ""
    : `: nine in ten visible edits of ${percent(strongest.least_area)} of the picture or more would have been found`;
  return `Vouched for by the ${strongest.name}${reach}.`;
}

/** What no witness judges; null where there is nothing of that kind. */
export function notVouched(answer) {
  const share = answer.assurance?.unvouched_share ?? 0;
  return share < 0.0005 ? null : `${percent(share)} of the picture: black, clipped, flat or outside of the protected frame`;
}

function row(witness) {
  const state = witness.state === "agrees" && !witness.binding ? "unproven" : witness.state;
  const [sign, words] = SAYS[state];
  const says = make("td", {}, make("span", { className: `says ${state}`, textContent: `${sign} ${words}` }),
    make("span", { className: "reason", textContent: witness.message }));
  const cells = [`${percent(witness.share)} of the picture`, witness.least_area === null ? "–" : percent(witness.least_area)];
  const rest = cells.map((textContent) => make("td", { textContent }));
  [says, ...rest].forEach((cell, number) => { cell.dataset.heading = HEADINGS[number + 1]; });
  return make("tr", {}, make("th", { scope: "row", textContent: NAMES[witness.name] }), says, ...rest);
}
