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

// The navigation of a phone is a row that scrolls: the current page is in view.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

const page = document.documentElement.lang;
const reader = navigator.languages.find((tag) => tag.split("-")[0] === page) ?? page;
// <time datetime>: in the reader's own time zone and language; with `data-seconds`, to the second.
function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = new Intl.DateTimeFormat(reader, {
      dateStyle: "medium", timeStyle: "seconds" in time.dataset ? "medium" : "short",
    }).format(at);
  }
}
localise(document);
