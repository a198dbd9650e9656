// Cells as a person sees them.

import { textOf } from "./dtypes.js";
import { addressOf, h, shown, sized } from "./dom.js";

const MOST_PIXELS = 40_000_000,
  MOST_ELEMENTS = 2 ** 22,
  LISTED = 16;
const SIDE = 96;

const IMAGES = [
  [
    "image/png",
    (b) => starts(b, [0x89, 0x50, 0x4e, 0x47]),
    (b, view) => [view.getUint32(16), view.getUint32(20)],
  ],
  ["image/jpeg", (b) => starts(b, [0xff, 0xd8, 0xff]), sizeOfJpeg],
  ["image/webp", (b) => tag(b, 0) === "RIFF" && tag(b, 8) === "WEBP", sizeOfWebp],
];
const SOUNDS = [
  ["audio/wav", (b) => tag(b, 0) === "RIFF" && tag(b, 8) === "WAVE"],
  ["audio/flac", (b) => tag(b, 0) === "fLaC"],
  ["audio/ogg", (b) => tag(b, 0) === "OggS"],
  ["audio/mpeg", (b) => tag(b, 0).startsWith("ID3") || (b[0] === 0xff && (b[1] & 0xe0) === 0xe0)],
];

function starts(bytes, prefix) {
  return prefix.every((byte, i) => bytes[i] === byte);
}

function tag(bytes, at) {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function sizeOfJpeg(bytes, view) {
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

function sizeOfWebp(bytes, view) {
  const kind = tag(bytes, 12),
    three = (at) => bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
  if (kind === "VP8X") return [three(24) + 1, three(27) + 1];
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return [(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1];
  }
  return kind === "VP8 " ? [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff] : null;
}

/** Return what shows a cell; `label` says what it is, `large` shows more of it. */
export function picture(cell, label, large = false) {
  if (cell === null) return h("span", { class: "missing" }, "missing");
  if (cell.kind === "text") return h("span", { class: "text" }, shown(cell.text, large ? 100_000 : 200));
  if (cell.kind === "texts")
    return h(
      "span",
      {},
      cell.texts.map((text) => h("span", { class: "tag" }, shown(text, 200))),
    );
  if (cell.kind === "image") return imageOf(cell.bytes, label, large);
  if (cell.kind === "audio") return soundOf(cell.bytes, label);
  if (cell.kind === "bytes") return h("span", { class: "missing" }, sized(cell.bytes.length));
  return numbers(cell, label, large);
}

function imageOf(bytes, label, large) {
  if (bytes.length === 0) return h("span", { class: "missing" }, "0 × 0");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known = IMAGES.find(([, matches]) => bytes.length >= 30 && matches(bytes));
  let size = null;
  try {
    size = known?.[2](bytes, view);
  } catch {
    /* a header that ends too early says no size */
  }
  if (!size) return h("span", { class: "missing" }, `an image that cannot be shown, ${sized(bytes.length)}`);
  const text = `${size[0]} × ${size[1]}, ${sized(bytes.length)}`;
  if (size[0] * size[1] > MOST_PIXELS) return h("span", { class: "missing" }, `too large to show: ${text}`);
  return h("img", {
    src: addressOf(bytes, known[0]),
    alt: label,
    title: text,
    loading: "lazy",
    class: large ? "large" : "small",
  });
}

function soundOf(bytes, label) {
  const known = SOUNDS.find(([, matches]) => bytes.length >= 12 && matches(bytes));
  if (!known) return h("span", { class: "missing" }, `a sound of ${sized(bytes.length)}`);
  return h("audio", {
    src: addressOf(bytes, known[0]),
    controls: true,
    preload: "none",
    "aria-label": label,
  });
}

/** Return the number of a class with its name, where it has one. */
export function withClass(text, name) {
  return name === undefined ? text : `${text} ${name}`;
}

function numbers({ dtype, shape, values, className }, label, large) {
  if (shape.length === 0) {
    const text = textOf(values[0], dtype);
    return text === null
      ? h("span", { class: "missing" }, "not a time")
      : h("span", { class: "number" }, shown(withClass(text, className)));
  }
  if (dtype.Typed && values.length > 1 && values.length <= MOST_ELEMENTS) {
    if (shape.length === 2 || (shape.length === 3 && [1, 3, 4].includes(shape[2])))
      return heat({ dtype, shape, values }, label, large);
    if (shape.length === 1 && values.length > LISTED) return curve(values, label, large);
  }
  const first = Array.from(values.slice(0, LISTED), (value) => textOf(value, dtype) ?? "not a time").join(
    ", ",
  );
  return h(
    "span",
    { class: "number", title: `${dtype.name} (${shape.join(", ")})` },
    shown(`${first}${values.length > LISTED ? ", …" : ""}`),
  );
}

/** Return the least and the greatest finite number. */
export function rangeOf(values) {
  let low = Infinity,
    high = -Infinity;
  for (const each of values) {
    const value = Number(each);
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** Return a canvas on which the numbers of a plane, or the colors of an image, are pixels. */
export function heat({ dtype, shape, values }, label, large) {
  const [height, width, channels = 1] = shape,
    canvas = h("canvas", {
      width,
      height,
      role: "img",
      "aria-label": `${label}, ${shape.join(" × ")} of ${dtype.name}`,
      class: large ? "large" : "small",
    });
  if (height * width === 0) return h("span", { class: "missing" }, shape.join(" × "));
  const context = canvas.getContext("2d"),
    pixels = context.createImageData(width, height);
  const isBytes = dtype.name === "uint8",
    [low, high] = isBytes ? [0, 255] : rangeOf(values),
    scale = 255 / (high - low || 1);
  const level = (i) => {
    const value = Number(values[i]);
    return Number.isFinite(value) ? (value - low) * scale : null;
  };
  for (let i = 0; i < height * width; i++) {
    const colors =
      channels >= 3 ? [0, 1, 2].map((c) => level(i * channels + c)) : Array(3).fill(level(i * channels));
    colors.forEach((color, c) => {
      pixels.data[4 * i + c] = color ?? [160, 60, 160][c];
    });
    pixels.data[4 * i + 3] = channels === 4 ? level(i * 4 + 3) : 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Return a line through numbers. */
export function curve(values, label, large) {
  const [low, high] = rangeOf(values),
    width = large ? 600 : SIDE * 1.5,
    height = large ? 160 : SIDE / 3;
  const step = Math.max(1, Math.floor(values.length / 600)),
    points = [];
  for (let i = 0; i < values.length; i += step) {
    const value = Number(values[i]);
    if (Number.isFinite(value))
      points.push(
        `${(i / (values.length - 1)) * width},${height - ((value - low) / (high - low || 1)) * height}`,
      );
  }
  const title = svg("title", {}, `${label}: ${values.length} numbers from ${low} to ${high}`);
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" },
    title,
    svg("polyline", { points: points.join(" "), class: "curve" }),
  );
}

/** Return bars, each `[name, count]`. */
export function bars(all, label) {
  const most = Math.max(1, ...all.map(([, count]) => count));
  return h(
    "table",
    { class: "bars" },
    h("caption", {}, label),
    h(
      "tbody",
      {},
      all.map(([name, count]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, shown(name, 60)),
          h(
            "td",
            {},
            h("meter", { min: 0, max: most, value: count, "aria-hidden": "true" }),
            ` ${count.toLocaleString("en")}`,
          ),
        ),
      ),
    ),
  );
}
