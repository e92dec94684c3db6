// Protection: the fields beside the picture, and the protected file with what is to be known of it.

import { announce, at, code, make, minutes, rows } from "/dom.js";

const FACTS = ["caption", "who", "source", "licence"];

/** The fields of a request to protect, as the form has them now. */
export function protectFields(registry) {
  const facts = {};
  for (const name of FACTS) {
    const value = at(`fact-${name}`).value.trim();
    if (value) facts[name] = name === "who" ? value.split(",").map((part) => part.trim()).filter(Boolean) : value;
  }
  const fields = { strength: at("strength").value, focus: at("focus").value };
  return registry ? { ...fields, facts: JSON.stringify(facts) } : fields;
}

/** Show a protected picture. expired: whether its file is gone. */
export function showProtection(answer, { name, expired }) {
  const file = answer.artefacts.protected;
  const saved = decodeURIComponent(file.url.split("/").pop());
  const stem = name.replace(/\.[^.]*$/, "");
  const link = make("a", { href: `${file.url}?download=true`, download: "", textContent: `Save ${stem}.${saved}` });
  at("made-file").replaceChildren(...(expired ? [] : [link]));
  at("made-until").textContent = expired ? "The file has expired; protect the picture again."
    : `The link works for ${minutes(answer.artefacts_seconds)}. This server keeps no copy after that.`;
  at("made-notes").replaceChildren(...answer.notes.map((note) => make("li", { textContent: note })));
  at("made-notes-part").hidden = !answer.notes.length;
  const signed = answer.signed_by ? code(answer.signed_by) : "not signed: this server has no key";
  at("made-rows").replaceChildren(...rows([
    ["File", name],
    ["Change of the pixels", answer.psnr_db && `${answer.psnr_db.toFixed(1)} dB PSNR`],
    ["Content Credentials", answer.credentials ? "signed into the file" : "none"],
    ["Registered as number", answer.registered && String(answer.registered)],
    ["Protected before as", answer.already && make("span", {}, code(answer.already.identity), "; the new protection replaces and names it")],
    ["Identity", answer.identity && code(answer.identity)],
    ["Signed by key", signed],
  ]));
  at("made").hidden = false;
  announce(`${name} is protected.`);
  at("made-title").focus({ preventScroll: true });
  at("made").scrollIntoView({ block: "start" });
}
