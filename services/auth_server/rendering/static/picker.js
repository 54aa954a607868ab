// The picker of tools: presets without a round trip, counts, search. It works without.
"use strict";

const picker = document.getElementById("picker");
const boxes = [...picker.querySelectorAll('input[name="tool"]')];
const presets = [...document.querySelectorAll("[data-quick] button")];
const own = document.querySelector("[data-own]");

const includes = (preset, box) =>
  preset.dataset.kinds.split(" ").includes(box.closest("[data-group]").dataset.group);

const refresh = () => {
  let fits = false;
  for (const preset of presets) {
    const same = boxes.every((box) => box.checked === includes(preset, box));
    preset.setAttribute("aria-pressed", String(same));
    fits ||= same;
  }
  if (own) own.hidden = fits;
  for (const group of picker.querySelectorAll("[data-group]")) {
    const all = [...group.querySelectorAll('input[name="tool"]')];
    const ticked = all.filter((box) => box.checked).length;
    const count = group.querySelector("[data-count]");
    const { all: every, some, nothing } = count.dataset;
    count.textContent = ticked === all.length ? every
      : ticked ? some.replace("{n}", String(ticked)) : nothing;
    const toggle = group.querySelector("[data-toggle]");
    toggle.textContent = ticked === all.length ? toggle.dataset.untick : toggle.dataset.tick;
    toggle.parentElement.hidden = all.length < 2;
  }
};

for (const preset of presets) {
  preset.addEventListener("click", (event) => {
    event.preventDefault();
    for (const box of boxes) box.checked = includes(preset, box);
    refresh();
  });
}

for (const toggle of picker.querySelectorAll("[data-toggle]")) {
  toggle.addEventListener("click", () => {
    const all = [...toggle.closest("[data-group]").querySelectorAll('input[name="tool"]')];
    const shown = all.filter((box) => !box.closest("li").hidden);
    const tick = !shown.every((box) => box.checked);
    for (const box of shown) box.checked = tick;
    refresh();
  });
}

picker.addEventListener("change", refresh);
// Chromium restores ticks after this script ran when a person comes back to the page.
window.addEventListener("pageshow", refresh);

const search = picker.querySelector("[data-search]");
if (search) {
  search.parentElement.hidden = false;
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const group of picker.querySelectorAll("[data-group]")) {
      let here = 0;
      for (const item of group.querySelectorAll("li")) {
        const text = item.textContent.toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
        if (!item.hidden) here += 1;
      }
      group.hidden = here === 0;
      if (words.length && here) {
        for (let box = group; box && box !== picker; box = box.parentElement) {
          if (box.tagName === "DETAILS") box.open = true;
        }
        group.querySelector("details").open = true;
      }
      found += here;
    }
    for (const api of picker.querySelectorAll("[data-api]")) {
      const groups = [];
      for (let next = api.nextElementSibling; next?.matches("[data-group]"); next = next.nextElementSibling) {
        groups.push(next);
      }
      api.hidden = groups.every((group) => group.hidden);
    }
    picker.querySelector("[data-none]").hidden = found > 0;
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}
