// Retrieval: the registered photographs that a picture may come from.

import { announce, at, make } from "/dom.js";
import { facts } from "/verdict.js";

/** The nodes for an answer, and the sentence that sums it up. */
export function matches(answer) {
  const sure = answer.matches.filter((match) => match.sure);
  const words = sure.length ? "Found by what it shows" : "Nothing is found for sure. The nearest:";
  const nodes = (sure.length ? sure : answer.matches.slice(0, 1)).map((match) =>
    facts(match, `${match.by === "identity" ? "Found by the identity in it" : words} (alike ${match.score.toFixed(2)})`));
  if (!nodes.length) nodes.push(make("p", { textContent: "The registry is empty." }));
  return { nodes, words };
}

/** Show an answer in a card of its own. */
export function showMatches(answer, { name }) {
  const { nodes, words } = matches(answer);
  at("found-name").textContent = name;
  at("found-records").replaceChildren(...nodes);
  at("found").hidden = false;
  announce(words);
  at("found-title").focus({ preventScroll: true });
  at("found").scrollIntoView({ block: "start" });
}
