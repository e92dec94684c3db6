// Small helpers that the modules of the page share.

export const at = (id) => document.getElementById(id);

/** An element with properties and children. */
export const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

/** Terms and descriptions of a list; those without a value are left out. A value is text or a node. */
export const rows = (pairs) => pairs.filter(([, value]) => value)
  .flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", {}, value)]);

/** A sentence whose identities and fingerprints are set small: codes are for checking, names are for reading. */
export const withCodes = (text) => text.split(/\b([0-9a-f]{16,})\b/)
  .map((part, number) => (number % 2 ? code(part) : part)).filter(Boolean);

export const code = (text) => make("code", { textContent: text });

/** Put a sentence where screen readers announce it. */
export function announce(words) {
  if (at("live").textContent !== words) at("live").textContent = words;
}

export function fail(words) {
  at("problem").textContent = words;
  at("problem").hidden = false;
  at("progress").hidden = true;
}

export function sentence(problem) {
  const text = String(problem?.detail ?? "Something went wrong");
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

export const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(bytes % 2 ** 20 ? 1 : 0)} MB`;
export const minutes = (seconds) => (seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} minutes`);
export const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
