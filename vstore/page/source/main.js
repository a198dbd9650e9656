// The page: what its address says, and what is shown of it.

import { comparison } from "./comparing.js";
import { at, forgetAddresses, h, shown } from "./dom.js";
import { DamagedError, UnknownError } from "./errors.js";
import { Repository } from "./repository.js";
import { arrayPage, columnPage, log, overview, samplePage, tablePage, whyNot } from "./views.js";

const MOST_BODY = 2 ** 29;
const VIEWS = { table: tablePage, sample: samplePage, column: columnPage, array: arrayPage };
const DIGEST_TEXT = /^[0-9a-f]{64}$/;

/** Return what reads the objects below an address. */
export function reader(base) {
  return async (name, range) => {
    const url = new URL(name.split("/").map(encodeURIComponent).join("/"), base);
    const headers = range ? { Range: `bytes=${range[0]}-${range[0] + range[1] - 1}` } : {};
    const isNamedByContent = !name.startsWith("refs/");
    const response = await fetch(url, {
      headers,
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: isNamedByContent ? "default" : "no-cache",
    });
    // Buckets whose names may not be listed answer 403 for what is not there.
    if (response.status === 404 || response.status === 403) return null;
    if (!response.ok) throw new Error(`the bucket answers ${response.status} for ${name}`);
    const whole = await bodyOf(response);
    return range && response.status === 200 ? whole.subarray(range[0], range[0] + range[1]) : whole;
  };
}

async function bodyOf(response) {
  const parts = [],
    body = response.body.getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await body.read();
    if (done) break;
    length += value.length;
    if (length > MOST_BODY) {
      await body.cancel();
      throw new DamagedError("an object is too long");
    }
    parts.push(value);
  }
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(length);
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}

/** Return what an address asks for: a view, a commit, a path and options. */
export function asked(hash) {
  const [names, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view = "", digest = "", ...path] = names.split("/").map((name) => decodeURIComponent(name));
  return { view, digest, path: path.join("/"), options: new URLSearchParams(query) };
}

class Page {
  constructor(about) {
    this.about = about;
    this.repository = new Repository(reader(new URL(about.data, location.href)));
    this.main = document.querySelector("main");
    this.turn = 0;
  }

  start() {
    document.querySelector("h1").replaceChildren(h("a", { href: "#/" }, shown(this.about.title)));
    document.querySelector("nav").replaceChildren(this.refs());
    addEventListener("hashchange", () => this.show());
    addEventListener("keydown", (event) => this.press(event));
    this.show();
  }

  refs() {
    const choose = (event) => {
      if (event.target.value) location.hash = `#/at/${encodeURIComponent(event.target.value)}`;
    };
    const group = (label, names) =>
      names.length
        ? h(
            "optgroup",
            { label },
            names.map((name) => h("option", { value: name }, shown(name, 100))),
          )
        : null;
    return h(
      "select",
      { change: choose, "aria-label": "Branches and tags" },
      h("option", { value: "" }, "Branches and tags"),
      group("Branches", this.about.branches),
      group("Tags", this.about.tags),
    );
  }

  // j and k go through rows, the arrows through pages.
  press(event) {
    if (event.target.matches("input, select, audio") || event.ctrlKey || event.metaKey || event.altKey)
      return;
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (rel) this.main.querySelector(`a[rel=${rel}]`)?.click();
    const step = { j: 1, k: -1 }[event.key];
    if (!step) return;
    const links = [...this.main.querySelectorAll("tbody th a")];
    links[Math.min(links.length - 1, Math.max(0, links.indexOf(document.activeElement) + step))]?.focus();
  }

  async show() {
    const turn = ++this.turn;
    this.main.setAttribute("aria-busy", "true");
    let parts;
    try {
      parts = await this.parts(asked(location.hash));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      parts = [
        h("p", { class: "refused", role: "alert" }, whyNot(error) || "it cannot be read"),
        error instanceof UnknownError ? h("p", {}, "Open it with vstore to see it.") : null,
      ];
    }
    if (turn !== this.turn || parts === null) return;
    this.main.replaceChildren(...parts.flat(Infinity).filter((part) => part !== null && part !== undefined));
    this.main.removeAttribute("aria-busy");
    scrollTo(0, 0);
  }

  async parts({ view, digest, path, options }) {
    forgetAddresses();
    if (view === "" || view === "at") return this.open(digest || this.about.revision);
    if (!DIGEST_TEXT.test(digest)) throw new DamagedError("the address names no commit");
    this.say("pinned by its hash, verified");
    const commit = await this.repository.commit(digest);
    if (view === "commit") return overview(this.repository, commit);
    if (view === "log") return log(this.repository, commit);
    if (view === "diff")
      return comparison(this.repository, await this.repository.commit(options.get("from") ?? ""), commit);
    if (!(view in VIEWS)) throw new DamagedError("the address names no view");
    return VIEWS[view](this.repository, commit, path, options);
  }

  // What is copied from the address bar is to stay what it is, so a branch leads to its commit.
  async open(name) {
    const { kind, commit } = await this.repository.find(
      name,
      this.about.branches.includes(name) ? ["branches"] : ["tags", "branches"],
    );
    if (kind === "commit") this.say("pinned by its hash, verified");
    else this.say(`the ${kind} ${shown(name, 100)}: whoever writes to the bucket can move it`);
    history.replaceState(null, "", at("commit", commit.digest));
    return overview(this.repository, commit);
  }

  say(text) {
    document.querySelector("#trust").textContent = text;
  }
}

if (typeof document !== "undefined")
  new Page(JSON.parse(document.querySelector("#about").textContent)).start();
