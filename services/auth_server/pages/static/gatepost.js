// What pages do better with JavaScript; each works without it. docs/pages.md lists the attributes.
"use strict";

// Tells a screen reader what the eyes see change.
const region = document.createElement("div");
region.className = "aloud";
region.setAttribute("role", "status");
document.body.append(region);

// <button data-copy="ID" data-copied="Copied" hidden>: copies the text of that element and says so.
for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) continue;
  button.hidden = false;
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = button.dataset.copied;
    region.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

// <p hidden><input type="search" data-filters="ID">: hides the items of a list that lack the words.
for (const field of document.querySelectorAll("[data-filters]")) {
  const list = document.getElementById(field.dataset.filters);
  if (!list) continue;
  const hidden = field.closest("[hidden]");
  if (hidden) hidden.hidden = false;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of list.querySelectorAll("li")) {
      const text = item.textContent.toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of list.querySelectorAll("fieldset")) {
      group.hidden = !group.querySelector("li:not([hidden])");
    }
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}

// <fieldset data-presets="ID"> with radios: data-ticks="SELECTOR" ticks those boxes of the list and no
// other; a radio without it is what a choice of one's own selects.
for (const presets of document.querySelectorAll("[data-presets]")) {
  const list = document.getElementById(presets.dataset.presets);
  if (!list) continue;
  const boxes = () => list.querySelectorAll("input[type=checkbox]");
  const own = presets.querySelector("input[type=radio]:not([data-ticks])");
  presets.addEventListener("change", (event) => {
    const selector = event.target.dataset.ticks;
    if (selector === undefined) return;
    for (const box of boxes()) box.checked = box.matches(selector);
  });
  list.addEventListener("change", () => { if (own) own.checked = true; });
}

const page = document.documentElement.lang;
const reader = navigator.languages.find((tag) => tag.split("-")[0] === page) ?? page;
// <time datetime>: in the reader's own time zone and language.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  time.title = time.textContent;
  time.textContent = new Intl.DateTimeFormat(reader, {
    dateStyle: "medium", timeStyle: "short",
  }).format(at);
}
