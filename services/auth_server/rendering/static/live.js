// <button data-live="ID" hidden>: while pressed, reads the page every two seconds and shows its new element ID.
"use strict";

for (const button of document.querySelectorAll("[data-live]")) {
  let timer = 0, shown = "";
  const read = () => {
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.open("GET", location.href);
    request.onload = () => {
      const now = document.getElementById(button.dataset.live);
      const next = request.response?.getElementById(button.dataset.live);
      if (request.status !== 200 || !next) return stop();
      // A link that somebody is about to follow stays.
      if (!now.contains(document.activeElement) && next.innerHTML !== shown) {
        shown = next.innerHTML;
        now.replaceWith(document.adoptNode(next));
        localise(next);
      }
      wait();
    };
    request.onerror = wait;
    request.send();
  };
  const wait = () => {
    if (button.getAttribute("aria-pressed") === "true") timer = setTimeout(read, document.hidden ? 10000 : 2000);
  };
  const stop = () => {
    clearTimeout(timer);
    button.setAttribute("aria-pressed", "false");
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-pressed") === "true") return stop();
    button.setAttribute("aria-pressed", "true");
    read();
  });
}
