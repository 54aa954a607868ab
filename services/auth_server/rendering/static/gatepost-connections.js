// <gatepost-connections api="https://auth.example.com">: the AI apps that a person connected, in a page of the SaaS.
// The page sets `getToken`, an async function that returns a component token (docs/manage.md).

const TEXTS = {
  en: {
    label: "Connected AI apps",
    loading: "Loading connected apps …",
    none: "No AI app is connected.",
    more: "Show more",
    trusted: "trusted",
    verified: "verified: {host}",
    unverified: "unverified",
    organisation: "by your organisation",
    permissions: "Permissions",
    data: "Data",
    allData: "Everything you can see",
    used: "Last 30 days",
    never: "not used",
    expires: "Expires",
    read: { one: "{n} read tool", other: "{n} read tools" },
    change: { one: "{n} write tool", other: "{n} write tools" },
    delete: { one: "{n} delete tool", other: "{n} delete tools" },
    noTools: "No tools",
    calls: { one: "{n} call, the last one {date}", other: "{n} calls, the last one {date}" },
    groups: {
      read: "Read",
      change: "Write",
      delete: "Delete and other irreversible actions",
    },
    manage: "Reduce access",
    explain: "Clear what {app} should no longer use. To allow more, use your {link}.",
    save: "Save",
    cancel: "Cancel",
    keepOne: "Keep at least one tool, and one value of each kind of data. To take everything, disconnect the app.",
    saved: "{app} has less access now.",
    unchanged: "Nothing was changed.",
    disconnect: "Disconnect",
    sure: "Disconnect {app}? It loses access within seconds.",
    disconnected: "{app} is disconnected.",
    subAgents: { one: "{n} sub-agent of this app has a part of its access.", other: "{n} sub-agents of this app have a part of its access." },
    retry: "Try again",
    unavailable: "The connected apps can't be reached. Check your connection and try again.",
    session: "Your session here has ended. Reload the page and sign in again.",
    gone: "This connection has ended or changed meanwhile.",
    elsewhere: "You can't do this here. Use your {link}.",
    account: "account page for connected apps",
    wait: "Too many requests. Wait a minute and try again.",
  },
  de: {
    label: "Verbundene KI-Apps",
    loading: "Verbundene Apps werden geladen …",
    none: "Keine KI-App ist verbunden.",
    more: "Mehr anzeigen",
    trusted: "vertrauenswürdig",
    verified: "bestätigt: {host}",
    unverified: "nicht bestätigt",
    organisation: "durch Ihre Organisation",
    permissions: "Berechtigungen",
    data: "Daten",
    allData: "Alles, was Sie sehen können",
    used: "Letzte 30 Tage",
    never: "nicht benutzt",
    expires: "Läuft ab",
    read: { one: "{n} Tool zum Lesen", other: "{n} Tools zum Lesen" },
    change: { one: "{n} Tool zum Schreiben", other: "{n} Tools zum Schreiben" },
    delete: { one: "{n} Tool zum Löschen", other: "{n} Tools zum Löschen" },
    noTools: "Keine Tools",
    calls: { one: "{n} Aufruf, zuletzt {date}", other: "{n} Aufrufe, zuletzt {date}" },
    groups: {
      read: "Lesen",
      change: "Schreiben",
      delete: "Löschen und andere unumkehrbare Aktionen",
    },
    manage: "Zugriff einschränken",
    explain: "Wählen Sie ab, was {app} nicht mehr benutzen soll. Mehr erlauben Sie auf Ihrer {link}.",
    save: "Speichern",
    cancel: "Abbrechen",
    keepOne: "Behalten Sie mindestens ein Tool und einen Wert von jeder Art von Daten. Um alles zu entziehen, trennen Sie die App.",
    saved: "{app} hat jetzt weniger Zugriff.",
    unchanged: "Nichts wurde geändert.",
    disconnect: "Trennen",
    sure: "{app} trennen? Die App verliert den Zugriff innerhalb von Sekunden.",
    disconnected: "{app} ist getrennt.",
    subAgents: { one: "{n} Unteragent dieser App hat einen Teil ihres Zugriffs.", other: "{n} Unteragenten dieser App haben einen Teil ihres Zugriffs." },
    retry: "Erneut versuchen",
    unavailable: "Die verbundenen Apps sind nicht erreichbar. Prüfen Sie Ihre Verbindung und versuchen Sie es erneut.",
    session: "Ihre Sitzung hier ist beendet. Laden Sie die Seite neu und melden Sie sich wieder an.",
    gone: "Diese Verbindung wurde inzwischen beendet oder geändert.",
    elsewhere: "Das geht hier nicht. Benutzen Sie Ihre {link}.",
    account: "Kontoseite für verbundene Apps",
    wait: "Zu viele Anfragen. Warten Sie eine Minute und versuchen Sie es erneut.",
  },
};

const STYLES = `
:host {
  --_color: var(--gatepost-color, light-dark(#1b1f24, #e6e9ed));
  --_background: var(--gatepost-background, light-dark(#ffffff, #16191d));
  --_muted: var(--gatepost-muted, light-dark(#57606a, #a3acb6));
  --_border: var(--gatepost-border, light-dark(#d0d7de, #3a424b));
  --_accent: var(--gatepost-accent, light-dark(#0b5cad, #7ab8ff));
  --_on-accent: var(--gatepost-on-accent, light-dark(#ffffff, #0b1520));
  --_danger: var(--gatepost-danger, light-dark(#b3261e, #ff9b93));
  --_radius: var(--gatepost-radius, 0.5rem);
  display: block;
  color: var(--_color);
  font: var(--gatepost-font, inherit);
  line-height: 1.5;
}
:host([hidden]) { display: none }
*, *::before { box-sizing: border-box }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem }
ul ul { gap: 0.75rem }
.card { background: var(--_background); border: 1px solid var(--_border); border-radius: var(--_radius);
  padding: 1rem; overflow-wrap: anywhere }
.name { margin: 0; font-size: 1.1em; font-weight: 600; display: flex; flex-wrap: wrap; gap: 0.25rem 0.5rem;
  align-items: baseline }
.badge { font-size: 0.8rem; font-weight: 400; color: var(--_muted); border: 1px solid var(--_border);
  border-radius: 1rem; padding: 0 0.5rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.5rem 1.5rem; margin: 0.75rem 0 }
dt { font-size: 0.85rem; color: var(--_muted) }
dd { margin: 0 }
p { margin: 0.5rem 0 }
.actions { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-top: 0.75rem }
button { font: inherit; color: var(--_accent); background: transparent; border: 1px solid currentColor;
  border-radius: var(--_radius); padding: 0.5rem 1rem; min-height: 2.75rem; cursor: pointer }
button.main { background: var(--_accent); color: var(--_on-accent); border-color: var(--_accent) }
button.danger { color: var(--_danger) }
button.main.danger { background: var(--_danger); color: var(--_background); border-color: var(--_danger) }
button:disabled { opacity: 0.6; cursor: default }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px }
fieldset { border: 0; margin: 1rem 0 0; padding: 0; min-width: 0 }
legend { font-weight: 600; width: 100%; padding: 0 0 0.25rem; border-bottom: 1px solid var(--_border) }
fieldset ul { margin-top: 0.75rem }
.api { margin: 1.5rem 0 0; font-size: 1.05em; font-weight: 600 }
.api + fieldset { margin-top: 0.5rem }
.aloud { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
label { display: grid; grid-template-columns: 1.5rem 1fr; gap: 0.5rem; align-items: start }
input { width: 1.25rem; height: 1.25rem; margin: 0.125rem 0 0; accent-color: var(--_accent) }
.note { color: var(--_muted); font-size: 0.9rem; display: block }
.problem { color: var(--_danger) }
a { color: var(--_accent) }
.status { position: sticky; top: 0; z-index: 1; background: var(--_background); border: 1px solid var(--_border);
  border-radius: var(--_radius); padding: 0.5rem 1rem }
.status:empty, .alert:empty, [hidden] { display: none }
[tabindex="-1"]:focus { outline: none }
`;

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(STYLES);

/** A refusal of the API; `status` 0 means that it can't be reached. */
class Refusal extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Makes an element. Texts become text nodes, so that no name of an app is read as HTML. */
function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

class GatepostConnections extends HTMLElement {
  static observedAttributes = ["api", "lang"];

  #access = { give: undefined };
  #items = [];
  #next = null;
  #loading;
  #alert = make("div", { className: "alert problem", role: "alert" });
  #status = make("p", { className: "status", role: "status", tabIndex: -1 });
  #list = make("ul", { role: "list" });
  #foot = make("div", { className: "actions" });

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [SHEET];
    shadow.append(this.#alert, this.#status, this.#list, this.#foot);
  }

  /** An async function that returns a component token; it is called again when the token has ended. */
  get getToken() {
    return this.#access.give;
  }

  set getToken(give) {
    this.#begin(give);
  }

  connectedCallback() {
    // A page may set the property before this module has loaded.
    if (Object.hasOwn(this, "getToken")) {
      const give = this.getToken;
      delete this.getToken;
      this.getToken = give;
    } else {
      this.reload();
    }
  }

  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name === "api") this.#begin(this.#access.give);
    else this.reload();
  }

  /** Forgets the token, so that those of one person, organisation or issuer are never used for another one. */
  #begin(give) {
    this.#access = { give, api: this.api, token: undefined };
    this.reload();
  }

  /** Reads the connections again. */
  reload() {
    if (!this.isConnected || !this.#access.give || !this.api) return;
    const held = this.shadowRoot.activeElement;
    this.#items = [];
    this.#next = null;
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", this.#text("label"));
    this.#say(this.#text("loading"));
    this.#list.replaceChildren();
    if (held) this.#status.focus();
    this.#load("");
  }

  get api() {
    return (this.getAttribute("api") ?? "").replace(/\/+$/, "");
  }

  get #language() {
    const asked = this.closest("[lang]")?.lang || navigator.language;
    return asked.toLowerCase().startsWith("de") ? "de" : "en";
  }

  #text(key, values = {}) {
    let text = TEXTS[this.#language][key];
    if (typeof text === "object") {
      text = text[new Intl.PluralRules(this.#language).select(values.n)];
    }
    return fill(text, values);
  }

  /** A text with a link to the account page where the person can do everything. */
  #linked(key, values = {}) {
    const text = TEXTS[this.#language][key];
    const [start, end] = text.split("{link}").map((part) => fill(part, values));
    const page = { href: `${this.api}/account/apps`, target: "_blank", rel: "noopener" };
    return [start, make("a", page, this.#text("account")), end];
  }

  #date(at) {
    return new Intl.DateTimeFormat(this.#language, { dateStyle: "medium" }).format(new Date(at));
  }

  #say(text) {
    this.#alert.replaceChildren();
    this.#status.textContent = text;
  }

  async #call(method, path, body) {
    // A page may set another person or organisation while this waits.
    const access = this.#access;
    const before = access.token;
    access.token ??= await this.#renew(access);
    let answer = await this.#send(access, method, path, body);
    if (answer.status === 401 && before) {
      access.token = await this.#renew(access);
      answer = await this.#send(access, method, path, body);
    }
    if (answer.status === 401) access.token = undefined;
    if (!answer.ok) throw new Refusal(answer.status);
    return answer.status === 204 ? null : answer.json();
  }

  async #renew(access) {
    const token = await access.give();
    if (!token) throw new Refusal(401);
    return token;
  }

  #send(access, method, path, body) {
    const headers = { Authorization: `Bearer ${access.token}` };
    if (body) headers["Content-Type"] = "application/json";
    return fetch(`${access.api}/manage/v1${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
    });
  }

  async #load(after) {
    const mine = {};
    this.#loading = mine;
    try {
      const page = await this.#call("GET", `/connections?after=${encodeURIComponent(after)}`);
      if (this.#loading !== mine) return;
      this.#items.push(...page.items);
      this.#next = page.next;
      const cards = page.items.map((item) => this.#card(item));
      const held = this.#holdsFocus(this.#alert) || this.#holdsFocus(this.#foot);
      this.#list.append(...cards);
      this.#say(this.#items.length || this.#next ? "" : this.#text("none"));
      this.#showFoot();
      if (held) ((cards[0] ?? this.#foot).querySelector("button") ?? this.#status).focus();
    } catch (error) {
      if (this.#loading === mine) this.#fail(error, () => this.#load(after));
    }
  }

  /** Tells whether the focus is in a part that is about to change, or in the status. */
  #holdsFocus(part) {
    const focused = this.shadowRoot.activeElement;
    return focused === this.#status || part.contains(focused);
  }

  #showFoot() {
    this.#foot.replaceChildren();
    if (this.#next) {
      const next = this.#next;
      this.#foot.append(this.#button("more", () => this.#load(next)));
    }
  }

  #button(key, act, className = "") {
    const button = make("button", { type: "button", className }, this.#text(key));
    button.addEventListener("click", act);
    return button;
  }

  /** Tells what failed in words, with a way on. */
  #fail(error, again, place = this.#alert) {
    const status = error instanceof Refusal ? error.status : 0;
    const held = this.#holdsFocus(place);
    this.#status.textContent = "";
    const key = { 401: "session", 404: "gone", 409: "gone", 422: "gone", 429: "wait" }[status] ?? "unavailable";
    const said = make("p");
    said.append(...(status === 403 ? this.#linked("elsewhere") : [this.#text(key)]));
    place.replaceChildren(said);
    if (key === "gone") place.append(this.#button("retry", () => this.reload()));
    else if (status !== 403) place.append(this.#button("retry", again));
    if (held) place.querySelector("button, a").focus();
  }

  #card(item) {
    const app = item.client_name;
    const id = `name-${item.grant_id}`;
    const card = make("li", { className: "card" });
    const level = this.getAttribute("heading-level") ?? "3";
    const badges = [this.#vouched(item), ...(item.by_tenant ? [this.#text("organisation")] : [])];
    const place = make("div", { role: "alert", className: "problem" });
    const panel = make("div");
    const manage = this.#button("manage", () => this.#openPanel(item, panel, place, manage));
    manage.setAttribute("aria-expanded", "false");
    const end = this.#button("disconnect", () => this.#ask(item, card, panel, place, end), "danger");
    for (const button of [manage, end]) button.setAttribute("aria-describedby", id);
    card.append(
      make(
        "div",
        { className: "name", id, role: "heading", "aria-level": level },
        make("bdi", {}, app),
        ...badges.map((text) => make("span", { className: "badge" }, text)),
      ),
      this.#facts(item),
      ...(item.sub_agents.length
        ? [make("p", { className: "note" }, this.#text("subAgents", { n: item.sub_agents.length }))]
        : []),
      place,
      make("div", { className: "actions" }, manage, end),
      panel,
    );
    return card;
  }

  #vouched(item) {
    if (item.vouched_for === "operator") return this.#text("trusted");
    return item.vouched_for ? this.#text("verified", { host: item.vouched_for }) : this.#text("unverified");
  }

  #facts(item) {
    const kinds = ["read", "change", "delete"]
      .filter((kind) => item.kinds[kind])
      .map((kind) => this.#text(kind, { n: item.kinds[kind] }));
    const data = Object.entries(item.data).map(([kind, values]) => `${kind}: ${values.join(", ")}`);
    const facts = {
      permissions: kinds.join(", ") || this.#text("noTools"),
      data: data.join("; ") || this.#text("allData"),
      used: item.calls
        ? this.#text("calls", { n: item.calls, date: this.#date(item.last_used_at) })
        : this.#text("never"),
      expires: this.#date(item.ends_at),
    };
    return make(
      "dl",
      {},
      ...Object.entries(facts).map(([key, value]) =>
        make("div", {}, make("dt", {}, this.#text(key)), make("dd", {}, value)),
      ),
    );
  }

  #close(panel, opener) {
    panel.replaceChildren();
    opener.parentElement.hidden = false;
    if (opener.hasAttribute("aria-expanded")) opener.setAttribute("aria-expanded", "false");
    opener.focus();
  }

  async #openPanel(item, panel, place, opener) {
    if (opener.getAttribute("aria-expanded") === "true") {
      this.#close(panel, opener);
      return;
    }
    opener.focus();
    place.replaceChildren();
    try {
      const detail = await this.#call("GET", `/connections/${encodeURIComponent(item.grant_id)}`);
      panel.replaceChildren(this.#form(detail, panel, place, opener));
      opener.setAttribute("aria-expanded", "true");
      panel.querySelector("p").focus();
    } catch (error) {
      this.#fail(error, () => this.#openPanel(item, panel, place, opener), place);
    }
  }

  #form(detail, panel, place, opener) {
    const app = detail.client_name;
    const form = make("form", { noValidate: true });
    form.append(make("p", { tabIndex: -1 }, ...this.#linked("explain", { app })));
    // Of several APIs, each has a heading; a tool of none stands above them.
    for (const { name, title } of [{ name: "", title: "" }, ...(detail.apis ?? [])]) {
      const own = detail.tools.filter((tool) => (tool.api ?? "") === name);
      if (title && own.length) form.append(this.#heading("api", title, 1));
      for (const [kind, legend] of Object.entries(TEXTS[this.#language].groups)) {
        const tools = own.filter((tool) => tool.kind === kind);
        form.append(...this.#choices("tool", legend, tools.map((tool) => [tool.name, tool.title, tool.description]), title));
      }
    }
    const [data, choices] = [this.#text("data"), Object.entries(detail.choices)];
    // Below the title of an API, they would seem to be about that API alone.
    const apart = Boolean(detail.apis?.length && choices.length);
    if (apart) form.append(this.#heading("api", data, 1));
    for (const [kind, values] of choices) {
      const entries = values.map((value) => [value, value, ""]);
      const [legend, owner] = apart ? [kind, data] : [`${data}: ${kind}`, ""];
      form.append(...this.#choices(`data ${kind}`, legend, entries, owner));
    }
    const problem = make("p", { className: "problem", role: "alert" });
    const save = make("button", { className: "main" }, this.#text("save"));
    form.append(
      problem,
      make("div", { className: "actions" }, save, this.#button("cancel", () => this.#close(panel, opener))),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const change = this.#read(form, detail);
      problem.textContent = change ? "" : this.#text("keepOne");
      if (!change) return;
      save.disabled = true;
      try {
        await this.#save(detail, change, opener);
      } catch (error) {
        this.#close(panel, opener);
        this.#fail(error, () => this.#openPanel(detail, panel, place, opener), place);
      }
    });
    return form;
  }

  /** A heading so many levels below the names of the apps. */
  #heading(className, text, below) {
    const level = Number(this.getAttribute("heading-level") ?? 3) + below;
    return make("p", { className, role: "heading", "aria-level": String(level) }, text);
  }

  #choices(name, legend, entries, owner = "") {
    if (!entries.length) return [];
    const said = owner ? [make("span", { className: "aloud" }, `${owner}: `)] : [];
    const rows = entries.map(([value, title, description]) =>
      make(
        "li",
        {},
        make(
          "label",
          {},
          make("input", { type: "checkbox", name, value, checked: true }),
          make("span", {}, title, ...(description ? [make("span", { className: "note" }, description)] : [])),
        ),
      ),
    );
    return [make("fieldset", {}, make("legend", {}, ...said, legend), make("ul", { role: "list" }, ...rows))];
  }

  /** Reads what stays ticked; null if nothing of a kind does. */
  #read(form, detail) {
    const ticked = (name) =>
      [...form.querySelectorAll("input")]
        .filter((input) => input.name === name && input.checked)
        .map((input) => input.value);
    const change = {};
    const tools = ticked("tool");
    if (detail.tools.length && !tools.length) return null;
    if (tools.length < detail.tools.length) change.tools = tools;
    for (const [kind, values] of Object.entries(detail.choices)) {
      const kept = ticked(`data ${kind}`);
      if (!kept.length) return null;
      if (kept.length < values.length) change.data = { ...change.data, [kind]: kept };
    }
    return change;
  }

  async #save(detail, change, opener) {
    const app = detail.client_name;
    let changed = detail;
    if (Object.keys(change).length) {
      changed = await this.#call("PATCH", `/connections/${encodeURIComponent(detail.grant_id)}`, change);
    }
    const card = this.#card(changed);
    opener.closest(".card").replaceWith(card);
    this.#say(this.#text(changed === detail ? "unchanged" : "saved", { app }));
    card.querySelector("button").focus();
    if (changed !== detail) this.#tell("narrowed", detail.grant_id);
  }

  #ask(item, card, panel, place, opener) {
    const app = item.client_name;
    place.replaceChildren();
    const question = make("p", { tabIndex: -1 }, this.#text("sure", { app }));
    const really = this.#button("disconnect", () => this.#end(item, card, panel, place, opener), "main danger");
    opener.parentElement.hidden = true;
    opener.previousElementSibling.setAttribute("aria-expanded", "false");
    panel.replaceChildren(
      question,
      make("div", { className: "actions" }, really, this.#button("cancel", () => this.#close(panel, opener))),
    );
    question.focus();
  }

  async #end(item, card, panel, place, opener) {
    try {
      await this.#call("DELETE", `/connections/${encodeURIComponent(item.grant_id)}`);
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return this.reload();
      this.#close(panel, opener);
      return this.#fail(error, () => this.#end(item, card, panel, place, opener), place);
    }
    card.remove();
    this.#items = this.#items.filter((one) => one.grant_id !== item.grant_id);
    this.#say(this.#text("disconnected", { app: item.client_name }));
    if (!this.#items.length && !this.#next) this.#status.append(" ", this.#text("none"));
    this.#status.focus();
    this.#tell("ended", item.grant_id);
  }

  #tell(what, grantId) {
    const detail = { what, grantId };
    this.dispatchEvent(new CustomEvent("gatepost-change", { detail, bubbles: true, composed: true }));
  }
}

customElements.define("gatepost-connections", GatepostConnections);
