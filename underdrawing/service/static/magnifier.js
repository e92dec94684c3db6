// The magnifier: 100 to 400 % of what the stage shows, moved by mouse, wheel, fingers and keys.
//
// A position in the picture, from 0 to 1, appears at  left + position * times  of the stage. All layers of the pane
// move together, so both halves of the slider and the mask show the same position. There is no animation.

import { at } from "/dom.js";

const MAX_TIMES = 4;
const STEP = 0.5; // per key press
const STRIDE = 0.1; // of the visible part, per arrow key
const NEAR_PX = 24; // from the line between two pictures: a drag moves the line
const STILL_PX = 5; // a press that moves less is a click
const QUIET_MS = 300; // until screen readers get the final position

const stage = at("stage");
const pointers = new Map();
let times = 1;
let left = 0;
let top = 0;
let pressed = null; // action of the pressed pointer: slide or pan
let timer = 0;
let listeners = { moved() {}, slide() {} };

/** moved: called after every change; slide: called with a fraction of the stage's width when the line is dragged. */
export function attach(found) { listeners = found; }

/** The position in the picture of a position across the stage, both from 0 to 1. */
export const across = (part) => Math.min(1, Math.max(0, (part - left) / times));

/** Show all of the picture. */
export function showAll() { set(1, 0, 0); }

/** Bring a position, in parts of the picture's sides, to the middle, magnified as far as possible and wanted. */
export function lookAt(x, y, wanted) {
  const next = Math.min(MAX_TIMES, Math.max(1, wanted));
  set(next, 0.5 - x * next, 0.5 - y * next);
}

function set(wanted, x, y) {
  times = Math.min(MAX_TIMES, Math.max(1, wanted));
  left = Math.min(0, Math.max(1 - times, x));
  top = Math.min(0, Math.max(1 - times, y));
  at("pane").style.transform = `translate(${100 * left}%, ${100 * top}%) scale(${times})`;
  stage.classList.toggle("magnified", times > 1);
  stage.style.setProperty("--times", times); // outlines keep their width
  at("whole").disabled = times === 1;
  at("zoom").value = Math.round(100 * times);
  at("zoom").setAttribute("aria-valuetext", words());
  sharpen();
  clearTimeout(timer);
  timer = setTimeout(() => { at("magnified").textContent = words(); }, QUIET_MS);
  listeners.moved();
}

/** Change the size; the position under (x, y) of the stage stays fixed. */
function zoom(wanted, x = 0.5, y = 0.5) {
  const next = Math.min(MAX_TIMES, Math.max(1, wanted));
  set(next, x - (x - left) * next / times, y - (y - top) * next / times);
}

const pan = (x, y) => set(times, left + x, top + y);

function words() {
  const percent = `${Math.round(100 * times)} %`;
  if (times === 1) return `${percent}, all of it`;
  const middle = [left, top].map((start) => Math.round(100 * (0.5 - start) / times));
  return `${percent}, the middle at ${middle[0]} % from the left and ${middle[1]} % from the top`;
}

/** Show pixels as squares where they are larger than those of the screen. */
export function sharpen() {
  for (const node of [at("below"), at("above"), at("red")]) {
    const own = node.naturalWidth ?? node.width;
    const enlarged = times > 1 && stage.clientWidth * times * devicePixelRatio > own;
    node.style.imageRendering = enlarged ? "pixelated" : "auto";
  }
}

/** The position of a pointer as a fraction of the stage. */
function place(event) {
  const box = stage.getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
}

function onLine(event) {
  const line = at("edge").getBoundingClientRect();
  return !at("edge").hidden && (times === 1 || Math.abs(event.clientX - line.left) < NEAR_PX);
}

function press(event) {
  if (event.pointerType === "mouse" && event.button) return;
  pointers.set(event.pointerId, place(event));
  pressed = { slides: onLine(event), x: event.clientX, y: event.clientY, moved: pointers.size > 1 };
  stage.setPointerCapture(event.pointerId);
}

function move(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = place(event);
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  pointers.set(event.pointerId, now);
  pressed.moved ||= Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > STILL_PX;
  if (other) {
    pinch(before, now, other);
  } else if (pressed.slides) {
    listeners.slide(now.x);
  } else if (times > 1 && pressed.moved) {
    pan(now.x - before.x, now.y - before.y);
  }
}

function pinch(before, now, other) {
  const { clientWidth: width, clientHeight: height } = stage;
  const apart = (one) => Math.hypot((one.x - other.x) * width, (one.y - other.y) * height);
  pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  if (apart(before) > 1) zoom(times * apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
}

function release(event) {
  if (!pointers.delete(event.pointerId)) return;
  const { x, y } = place(event);
  // A click centres its position: for users who cannot drag.
  if (event.type === "pointerup" && times > 1 && !pressed.moved && !pressed.slides) pan(0.5 - x, 0.5 - y);
  if (pointers.size) pressed.slides = false;
}

function wheel(event) {
  // Without ctrl the wheel scrolls the page unless the picture has the focus; a trackpad's pinch arrives with ctrl.
  if (!event.ctrlKey && document.activeElement !== stage) return;
  const turned = event.deltaY * (event.deltaMode ? 16 : 1) * (event.ctrlKey ? 0.01 : 0.002);
  if (!event.ctrlKey && times === 1 && turned > 0) return;
  event.preventDefault();
  const { x, y } = place(event);
  zoom(times * Math.exp(-Math.min(1, Math.max(-1, turned))), x, y);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const stride = STRIDE;
  const done = {
    "+": () => zoom(times + STEP), "=": () => zoom(times + STEP), "-": () => zoom(times - STEP), 0: showAll,
    ...(times > 1 && {
      ArrowLeft: () => pan(stride, 0), ArrowRight: () => pan(-stride, 0),
      ArrowUp: () => pan(0, stride), ArrowDown: () => pan(0, -stride),
    }),
  }[event.key];
  if (!done) return;
  event.preventDefault();
  done();
}

stage.addEventListener("pointerdown", press);
stage.addEventListener("pointermove", move);
stage.addEventListener("pointerup", release);
stage.addEventListener("pointercancel", release);
stage.addEventListener("wheel", wheel, { passive: false });
stage.addEventListener("keydown", key);
stage.addEventListener("dragstart", (event) => event.preventDefault());
at("zoom").addEventListener("input", () => zoom(Number(at("zoom").value) / 100));
at("whole").addEventListener("click", () => { showAll(); stage.focus(); });
for (const id of ["below", "above"]) at(id).addEventListener("load", sharpen);
addEventListener("resize", sharpen);
