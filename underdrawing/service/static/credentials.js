// The card of Content Credentials: those in the file, and stored ones that it lost.

import { at, make, rows } from "/dom.js";

const STATES = {
  none: ["○", "None in this file", "It never had any, or they were removed, as most platforms do."],
  valid: ["✓", "They hold", "A certificate that this server trusts vouches for who signed."],
  untrusted: ["?", "They hold, from an unknown signer", "No certificate that this server trusts vouches for the name."],
  invalid: ["⚠", "They do NOT hold", "The file is not the one that was signed, or they were changed."],
  unread: ["?", "Cannot be read here", "This server lacks what reads them."],
};
const ACTIONS = {
  "c2pa.created": "created", "c2pa.opened": "opened", "c2pa.edited": "edited", "c2pa.placed": "put together",
  "c2pa.watermarked": "watermarked", "c2pa.watermarked.bound": "watermarked", "c2pa.watermarked.unbound": "watermarked",
};

/** Fill the card. found: `credentials` of a response; manifest: the artefact of a recovered manifest, if any. */
export function showCredentials(found, manifest) {
  at("credentials").hidden = !found;
  if (!found) return;
  const [sign, title] = STATES[found.state];
  const parts = [seal(found.state, sign, title)];
  if (found.state === "unread") parts.push(make("p", { className: "quiet", textContent: found.message }));
  else if (found.signer || found.issuer || !found.recovered) parts.push(...describe(found));
  if (found.recovered) {
    parts.push(seal(found.recovered.state, "↩", "Found again, though this file lost them"), ...describe(found.recovered));
  }
  if (manifest) {
    const link = make("a", { href: `${manifest.url}?download=true`, download: "", textContent: "Save them (C2PA)" });
    parts.push(make("p", { className: "files" }, link));
  }
  at("sealed").replaceChildren(...parts);
}

/** A summary for screen readers. */
export function credentialsInWords(found) {
  if (!found) return "";
  return `Content Credentials: ${STATES[found.state][1]}${found.recovered ? "; found again by the identity" : ""}.`;
}

const seal = (state, sign, title) =>
  make("p", { className: `seal ${state}` }, make("span", { ariaHidden: "true", textContent: `${sign} ` }), title);

/** Signer, actions and trust in a few words; all fields on demand. */
function describe(found) {
  const who = [...new Set([found.issuer, found.signer])].filter(Boolean).join(", ");
  const done = [...new Set(found.actions.map((action) => ACTIONS[action] ?? action.replace(/^c2pa\./, "")))].join(", ");
  const binding = found.soft_binding;
  const named = { true: "The identity that they name is the one read from the picture.",
    false: "The identity that they name is ANOTHER than the one read from the picture." }[binding?.agrees];
  const program = found.generator ? ` with ${found.generator}` : "";
  const parts = [make("p", {
    textContent: [who && `Signed by ${who}.`, done && `${done[0].toUpperCase()}${done.slice(1)}${program}.`, named]
      .filter(Boolean).join(" "),
  }), make("p", { className: "quiet", textContent: STATES[found.state][2] })];
  const all = rows([
    ["Signed by", who], ["Signed at", found.signed], ["Title", found.title], ["Made with", found.generator],
    ["What was done", found.actions.join(", ")],
    ["Names the mark", binding && `${binding.algorithm}: ${binding.value}`],
    ["What does not hold", found.problems.join(", ")],
  ]);
  if (all.length) parts.push(make("details", {}, make("summary", { textContent: "All of it" }), make("dl", {}, ...all)));
  return parts.filter((part) => part.textContent);
}
