// Orbit's settings page: sign in, choose an organisation, and let Gatepost's component show its apps.

const form = document.getElementById("sign-in");
const refused = document.getElementById("refused");
const connected = document.getElementById("connected");
const organisation = document.getElementById("organisation");
const component = document.querySelector("gatepost-connections");
let session = "";

async function ask(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  if (session) headers.Authorization = `Bearer ${session}`;
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
}

function show() {
  const org = organisation.value;
  component.getToken = async () =>
    (await ask("POST", `/settings/orgs/${encodeURIComponent(org)}/component-token`)).token;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.textContent = "";
  try {
    session = (await ask("POST", "/v1/sessions", Object.fromEntries(new FormData(form)))).token;
    const { organisations } = await ask("GET", "/v1/me");
    organisation.replaceChildren(...organisations.map(({ id, name }) => new Option(name, id)));
  } catch (error) {
    refused.textContent = error.message;
    return;
  }
  form.hidden = true;
  connected.hidden = false;
  show();
});
organisation.addEventListener("change", show);
