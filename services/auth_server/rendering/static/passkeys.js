// <form data-passkey="get|create" data-options="…" hidden>: asks the browser for a passkey and sends what
// it answers. Without JavaScript, or in a browser that is too old, the form stays hidden.
"use strict";

const parse = {
  get: globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON?.bind(PublicKeyCredential),
  create: globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON?.bind(PublicKeyCredential),
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const way = form.dataset.passkey;
  if (!parse[way]) continue;
  form.hidden = false;
  for (const other of document.querySelectorAll("[data-without-passkeys]")) other.hidden = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const failed = form.querySelector("[data-failed]");
    button.disabled = true;
    failed.hidden = true;
    try {
      const publicKey = parse[way](JSON.parse(form.dataset.options));
      const credential = await navigator.credentials[way]({ publicKey });
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      failed.hidden = false;
      button.disabled = false;
    }
  });
}
