"use strict";
// What pages can do besides being read: every page works without any of it.

// Keys: j and k choose rows, Enter opens the chosen one, arrows go to other pages.
const rows = Array.from(document.querySelectorAll(".rows tbody tr"));
let chosen = -1;

function choose(number) {
  if (!rows.length) return;
  if (rows[chosen]) rows[chosen].classList.remove("chosen");
  chosen = Math.max(0, Math.min(rows.length - 1, number));
  rows[chosen].classList.add("chosen");
  rows[chosen].scrollIntoView({ block: "nearest" });
  const link = rows[chosen].querySelector("a");
  if (link) link.focus({ preventScroll: true });
}

function follow(rel) {
  const link = document.querySelector(`main a[rel="${rel}"]`);
  if (link) link.click();
}

const keys = {
  j: () => choose(chosen + 1),
  k: () => choose(chosen - 1),
  ArrowRight: () => follow("next"),
  ArrowLeft: () => follow("prev"),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, button");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});

// Images of one size, before and after: one over the other, cut at a line or seen through.
function compared(sides) {
  const before = sides.querySelector(".before img");
  const after = sides.querySelector(".after img");
  if (!before || !after || before.width !== after.width || before.height !== after.height) return;
  const figures = Array.from(sides.querySelectorAll("figure"));
  const both = document.createElement("div");
  both.className = "compare";
  both.hidden = true;
  const below = before.cloneNode();
  const over = after.cloneNode();
  over.className += " over";
  both.append(below, over);
  const slider = document.createElement("input");
  slider.type = "range";
  slider.value = "50";
  slider.hidden = true;
  slider.setAttribute("aria-label", "how much of the image after is seen");
  const modes = document.createElement("div");
  modes.className = "modes";
  let mode = "side by side";

  function show() {
    const isSplit = mode !== "side by side";
    figures.forEach((figure) => { figure.hidden = isSplit && !figure.matches(".difference"); });
    both.hidden = slider.hidden = !isSplit;
    const part = Number(slider.value);
    over.style.clipPath = mode === "swipe" ? `inset(0 ${100 - part}% 0 0)` : "none";
    over.style.opacity = mode === "overlay" ? String(part / 100) : "1";
    modes.querySelectorAll("button").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.textContent === mode));
    });
  }

  ["side by side", "swipe", "overlay"].forEach((name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => { mode = name; show(); });
    modes.append(button);
  });
  modes.append(slider);
  slider.addEventListener("input", show);
  sides.querySelector("h3").after(modes, both);
  show();
}

document.querySelectorAll(".sides").forEach(compared);
