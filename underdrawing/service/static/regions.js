// The areas of a mask: where they are, how large, and their outlines.

const GRID = 512; // cells across the long side; a cell counts where any of its pixels does
const FLOOR = 127;
const NEAR = 64; // areas nearer to each other than a part of the long side are one

/** Areas of a mask, largest first: { share, x, y, width, height } with all but share in parts of the sides, and one path of
 *  all outlines in cells. levels: RGBA of the mask. */
export function regionsOf(levels, width, height) {
  const cell = Math.max(1, Math.ceil(Math.max(width, height) / GRID));
  const columns = Math.ceil(width / cell);
  const lines = Math.ceil(height / cell);
  const marked = new Uint8Array(columns * lines);
  const counts = new Uint32Array(columns * lines);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (levels[4 * (y * width + x)] <= FLOOR) continue;
      const place = Math.floor(y / cell) * columns + Math.floor(x / cell);
      marked[place] = 1;
      counts[place] += 1;
    }
  }
  const found = components(marked, counts, columns, lines).map(({ pixels, left, top, right, bottom }) => ({
    share: pixels / (width * height),
    x: (left * cell) / width, y: (top * cell) / height,
    width: Math.min(1, ((right + 1) * cell) / width) - (left * cell) / width,
    height: Math.min(1, ((bottom + 1) * cell) / height) - (top * cell) / height,
  }));
  return {
    areas: found.sort((one, other) => other.share - one.share),
    path: outline(marked, columns, lines), columns: width / cell, lines: height / cell,
  };
}

/** Groups of cells that are near each other. */
function components(marked, counts, columns, lines) {
  const near = Math.max(1, Math.round(Math.max(columns, lines) / NEAR));
  const left = marked.slice();
  const found = [];
  for (let start = 0; start < left.length; start += 1) {
    if (!left[start]) continue;
    const one = { pixels: 0, left: columns, top: lines, right: 0, bottom: 0 };
    const waiting = [start];
    left[start] = 0;
    while (waiting.length) {
      const place = waiting.pop();
      const [x, y] = [place % columns, Math.floor(place / columns)];
      one.pixels += counts[place];
      one.left = Math.min(one.left, x);
      one.right = Math.max(one.right, x);
      one.top = Math.min(one.top, y);
      one.bottom = Math.max(one.bottom, y);
      for (let v = Math.max(0, y - near); v <= Math.min(lines - 1, y + near); v += 1) {
        for (let u = Math.max(0, x - near); u <= Math.min(columns - 1, x + near); u += 1) {
          if (!left[v * columns + u]) continue;
          left[v * columns + u] = 0;
          waiting.push(v * columns + u);
        }
      }
    }
    found.push(one);
  }
  return found;
}

/** The borders between marked and unmarked cells, as an SVG path of horizontal and vertical strokes. */
function outline(marked, columns, lines) {
  const has = (x, y) => x >= 0 && y >= 0 && x < columns && y < lines && marked[y * columns + x] === 1;
  const parts = [];
  for (let y = 0; y <= lines; y += 1) strokes(columns, (x) => has(x, y) !== has(x, y - 1), (x, n) => parts.push(`M${x} ${y}h${n}`));
  for (let x = 0; x <= columns; x += 1) strokes(lines, (y) => has(x, y) !== has(x - 1, y), (y, n) => parts.push(`M${x} ${y}v${n}`));
  return parts.join("");
}

/** Call `found` with start and length of each run of positions that are on a border. */
function strokes(count, isBorder, found) {
  for (let start = 0, end = 0; start < count; start = end + 1) {
    end = start;
    while (end < count && isBorder(end)) end += 1;
    if (end > start) found(start, end - start);
  }
}
