// Elements of the page, made without any text being read as HTML.

const INVISIBLE_TEXT =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const MOST_TEXT = 2000;
const urls = new Set();

/** Return an element: `h("a", { href }, "text", child, ...)`; null and undefined are left out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return text as it can be shown: what cannot be seen is spelled out, and it is not too long. */
export function shown(text, most = MOST_TEXT) {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return short.replace(INVISIBLE_TEXT, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

/** Return an address within the page. */
export function at(view, digest, path = "", options = {}) {
  const names = path.split("/").filter(Boolean).map(encodeURIComponent).join("/");
  const query = new URLSearchParams(
    Object.entries(options).filter(([, value]) => value !== null && value !== undefined),
  );
  return `#/${view}/${digest}${names ? `/${names}` : ""}${query.size ? `?${query}` : ""}`;
}

/** Return an address of bytes, until the next view is shown. */
export function addressOf(bytes, type) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  urls.add(url);
  return url;
}

/** Forget the addresses of bytes. */
export function forgetAddresses() {
  for (const url of urls) URL.revokeObjectURL(url);
  urls.clear();
}

/** Return a table with a header for each column and each row. */
export function grid(caption, columns, rows, attributes = {}) {
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      attributes,
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((column) => h("th", { scope: "col" }, column)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map(([first, ...cells]) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, first),
            cells.map((cell) => h("td", {}, cell)),
          ),
        ),
      ),
    ),
  );
}

/** Return how much that is, in words. */
export function sized(nbytes) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; nbytes >= 1024 && unit < units.length - 1; unit++) nbytes /= 1024;
  return `${unit ? nbytes.toFixed(1) : nbytes} ${units[unit]}`;
}

/** Return a number with its thousands apart, and what is counted. */
export function counted(count, what) {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}
