// What the page can do with a picture. A task gets a source and returns the answer of the API's route, an object that the
// views show. `verify` may have several ways: one that reads the picture in the browser itself would be one more entry of
// CHECKS, whose `verify(source, control)` resolves with an object as of POST /v1/verify; its artefacts may be blob: URLs.
//
// source: { name, file } or { name, url }. control: { signal, progress(words, part), fields }.

import { at, sentence } from "/dom.js";

const TRIES = 8;

export const CHECKS = {
  server: { title: "on this server", verify: (source, control) => ask("/v1/verify", source, control) },
};

export const TASKS = {
  verify: (source, control) => CHECKS.server.verify(source, control),
  protect: (source, control) => ask("/v1/protect", source, control),
  retrieve: (source, control) => ask("/v1/retrieve", source, control),
  examine: (source, control) => ask("/v1/examine", source, control),
};

/** The response of the server; tries again while the server is busy. */
async function ask(path, source, control) {
  for (let attempt = 1; ; attempt += 1) {
    const [status, answer, wait] = await send(path, source, control);
    if (status === 200) return answer;
    if (![429, 503].includes(status) || !wait || attempt === TRIES) {
      throw new Error(status === 401 ? `${sentence(answer)} Enter one under "Access token".` : sentence(answer));
    }
    for (let left = Math.min(wait, 60); left > 0; left -= 1) {
      control.progress(`The server is busy; trying again in ${left} s`);
      await pause(1000, control.signal);
    }
  }
}

function send(path, source, { signal, progress, fields = {} }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    if (source.file) form.append("picture", source.file, source.name);
    else form.append("url", source.url);
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    let timer = 0;
    request.open("POST", path);
    if (at("token").value) request.setRequestHeader("Authorization", `Bearer ${at("token").value.trim()}`);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.loaded < event.total) progress("Sending the photograph", event.loaded / event.total);
    };
    request.upload.onload = () => {
      const since = Date.now();
      progress("Reading the photograph");
      timer = setInterval(() => progress(`Reading the photograph, ${Math.round((Date.now() - since) / 1000)} s`), 1000);
    };
    request.onloadend = () => clearInterval(timer);
    request.onerror = () => reject(new Error("The server cannot be reached, or it broke off."));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    request.onload = () => {
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { answer = { detail: `HTTP ${request.status}` }; }
      resolve([request.status, answer, Number(request.getResponseHeader("Retry-After"))]);
    };
    signal.addEventListener("abort", () => request.abort());
    progress("Sending the photograph", 0);
    request.send(form);
  });
}

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(new DOMException("stopped", "AbortError")); });
});
