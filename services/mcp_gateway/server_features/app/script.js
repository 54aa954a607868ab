'use strict';
{
  const LANGUAGES = {
    en: {
      loading: 'Loading …', waiting: 'Sent. Waiting for the answer …', empty: 'Nothing was found.',
      rows: (count, page) => `${count} ${count === 1 ? 'entry' : 'entries'}${page > 1 ? `, page ${page}` : ''}`,
      cut: 'The answer was too long, so a part of it is missing here.',
      first: count => `only the first ${count} are shown`,
      next: 'Next page', previous: 'Previous page', back: 'Back', again: 'Fill in again',
      none: 'empty', withheld: 'withheld', yes: 'Yes', no: 'No', choose: 'Choose …', optional: 'optional',
      required: 'Fill this in.', number: 'Enter a number.', whole: 'Enter a whole number.',
      least: value => `Enter at least ${value}.`, most: value => `Enter at most ${value}.`,
      short: value => `Enter at least ${value} characters.`, long: value => `Enter at most ${value} characters.`,
      json: 'Enter valid JSON.', date: 'Enter a date.', hidden: 'The present value is withheld.', lines: 'One value on each line.', written: 'Written as JSON.',
      unchanged: 'Nothing was changed, so nothing was sent.', done: 'Done.', sent: 'This was already sent; the answer is below.',
      failed: 'The call failed.', cancelled: 'The call was cancelled.', strange: 'This answer has another form than expected:',
      alone: 'This app shows only this answer, since the host does not let it call tools.', fix: 'Correct the marked fields.',
      stop: 'Stop waiting', stopped: 'There is no answer yet. What was sent may still be done, so look before you send it again.',
    },
    de: {
      loading: 'Wird geladen …', waiting: 'Gesendet. Die Antwort steht noch aus …', empty: 'Es wurde nichts gefunden.',
      rows: (count, page) => `${count} ${count === 1 ? 'Eintrag' : 'Einträge'}${page > 1 ? `, Seite ${page}` : ''}`,
      cut: 'Die Antwort war zu lang, daher fehlt hier ein Teil.',
      first: count => `nur die ersten ${count} werden gezeigt`,
      next: 'Nächste Seite', previous: 'Vorige Seite', back: 'Zurück', again: 'Erneut ausfüllen',
      none: 'leer', withheld: 'nicht angezeigt', yes: 'Ja', no: 'Nein', choose: 'Auswählen …', optional: 'freiwillig',
      required: 'Bitte ausfüllen.', number: 'Bitte eine Zahl eingeben.', whole: 'Bitte eine ganze Zahl eingeben.',
      least: value => `Bitte mindestens ${value} eingeben.`, most: value => `Bitte höchstens ${value} eingeben.`,
      short: value => `Bitte mindestens ${value} Zeichen eingeben.`, long: value => `Bitte höchstens ${value} Zeichen eingeben.`,
      json: 'Bitte gültiges JSON eingeben.', date: 'Bitte ein Datum eingeben.', hidden: 'Der jetzige Wert wird nicht angezeigt.', lines: 'Ein Wert je Zeile.', written: 'Als JSON geschrieben.',
      unchanged: 'Es wurde nichts geändert und nichts gesendet.', done: 'Erledigt.', sent: 'Dies wurde bereits gesendet; die Antwort steht darunter.',
      failed: 'Der Aufruf ist fehlgeschlagen.', cancelled: 'Der Aufruf wurde abgebrochen.', strange: 'Diese Antwort hat eine andere Form als erwartet:',
      alone: 'Diese Ansicht zeigt nur diese Antwort, da sie hier keine Werkzeuge aufrufen darf.', fix: 'Bitte die markierten Felder korrigieren.',
      stop: 'Nicht länger warten', stopped: 'Es gibt noch keine Antwort. Das Gesendete kann noch ausgeführt werden; bitte erst nachsehen, bevor Sie es erneut senden.',
    },
  };
  const app = JSON.parse(document.getElementById('app').textContent);
  const [main, title, alertBox, status, view] = ['main', 'title', 'alert', 'status', 'view'].map(id => document.getElementById(id));
  let words = LANGUAGES.en;
  let locale = 'en';
  let host = {};
  let canCall = false;
  let input = {};
  let redraw = () => say(words.loading);

  // Messages to and from the host: JSON-RPC over postMessage (MCP Apps 2026-01-26).
  const pending = new Map();
  let lastId = 0;
  const PATIENCE = 15000;
  const MOST_ROWS = 1000;
  const MOST_LINES = 40;
  const MOST_IN_CELL = 1000;
  const WITHHELD = '[redacted]';
  const post = message => parent.postMessage({ jsonrpc: '2.0', ...message }, '*');
  const request = (method, params) => new Promise((resolve, reject) => {
    lastId += 1;
    pending.set(lastId, { resolve, reject });
    post({ id: lastId, method, params });
  });
  const REQUESTS = { ping: () => ({}), 'ui/resource-teardown': () => ({}) };
  const NOTIFICATIONS = {
    'ui/notifications/tool-input': params => { input = params.arguments ?? {}; },
    'ui/notifications/tool-result': result => { redraw = () => showFirst(result); redraw(); },
    'ui/notifications/tool-cancelled': params => { redraw = () => fail([words.cancelled, params.reason].filter(Boolean).join(' ')); redraw(); },
    'ui/notifications/host-context-changed': context => { if (adopt(context)) redraw(); },
  };
  addEventListener('message', ({ source, data }) => {
    if (source !== parent || data?.jsonrpc !== '2.0') return;
    if (typeof data.method === 'string') {
      const known = data.id === undefined ? NOTIFICATIONS : REQUESTS;
      const act = Object.hasOwn(known, data.method) ? known[data.method] : null;
      if (data.id === undefined) attempt(() => act?.(data.params ?? {}));
      else if (act) post({ id: data.id, result: act(data.params ?? {}) });
      else post({ id: data.id, error: { code: -32601, message: 'Method not found' } });
      return;
    }
    const waiting = pending.get(data.id);
    pending.delete(data.id);
    if (data.error) waiting?.reject(new Error(String(data.error.message ?? '')));
    else waiting?.resolve(data.result ?? {});
  });

  /** Do something with what came from outside; what can't be read is told, and never leaves the view as if it waited. */
  function attempt(work) {
    try {
      work();
    } catch {
      show(app.title);
      fail(words.failed);
    }
  }

  /** Take over the host's theme and language; tell whether words must be written again. */
  function adopt(context) {
    const before = `${host.locale} ${host.timeZone}`;
    host = { ...host, ...context };
    const style = document.documentElement.style;
    if (host.theme === 'light' || host.theme === 'dark') style.colorScheme = host.theme;
    for (const [name, value] of Object.entries(context.styles?.variables ?? {})) {
      if (/^--[a-z0-9-]+$/.test(name) && typeof value === 'string') style.setProperty(name, value);
    }
    const { top = 0, right = 0, bottom = 0, left = 0 } = host.safeAreaInsets ?? {};
    const fixed = host.containerDimensions?.height;
    style.setProperty('--most', fixed > 0 ? `${fixed}px` : '34rem');
    style.padding = [top, right, bottom, left].map(size => `${Number(size) || 0}px`).join(' ');
    try {
      locale = Intl.getCanonicalLocales(host.locale ?? navigator.language)[0] ?? 'en';
    } catch {
      locale = 'en';
    }
    const language = locale.split('-')[0];
    words = LANGUAGES[language] ?? LANGUAGES.en;
    document.documentElement.lang = LANGUAGES[language] ? locale : 'en';
    return before !== `${host.locale} ${host.timeZone}`;
  }

  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === 'function') node.addEventListener(name, value);
      else if (value !== false && value != null) node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.filter(child => child != null));
    return node;
  }
  const button = (text, click, kind) => el('button', { type: 'button', class: kind, click }, text);
  const say = text => { status.textContent = text; };
  function fail(text) {
    say('');
    alertBox.hidden = !text;
    alertBox.textContent = text;
  }
  function show(heading, ...nodes) {
    fail('');
    title.textContent = heading;
    view.replaceChildren(...nodes.filter(Boolean));
  }

  /** Do something that takes a while; an error is shown in words and leaves the view as it is. */
  async function during(text, work) {
    if (main.getAttribute('aria-busy') === 'true') return;
    const said = status.textContent;
    fail('');
    say(text);
    main.setAttribute('aria-busy', 'true');
    const buttons = [...view.querySelectorAll('button')];
    const focused = document.activeElement;
    for (const one of buttons) one.disabled = true;
    const stop = button(words.stop, () => {
      for (const [id, { reject }] of pending) {
        pending.delete(id);
        post({ method: 'notifications/cancelled', params: { requestId: id } });
        reject(new Error(words.stopped));
      }
    });
    // A person may have to confirm the call first, so only they know when to give up.
    const timer = setTimeout(() => status.after(stop), PATIENCE);
    try {
      await work();
    } catch (error) {
      fail(error.message || words.failed);
      if (view.contains(buttons[0])) status.textContent = said;
    } finally {
      clearTimeout(timer);
      stop.remove();
      main.setAttribute('aria-busy', 'false');
      for (const one of buttons) one.disabled = false;
      if (view.contains(focused)) focused.focus();
    }
  }

  const textOf = result => (Array.isArray(result.content) ? result.content : []).map(block => block?.text).filter(text => typeof text === 'string').join('\n');
  async function call(tool, args) {
    const result = await request('tools/call', { name: tool, arguments: args });
    if (result.isError) throw new Error(textOf(result) || words.failed);
    return result;
  }

  /** Return the answer as an object; one that is not an object is its member `result`. */
  function read(result) {
    let answer = result.structuredContent;
    if (answer === undefined) {
      try {
        answer = JSON.parse(result.content[0].text);
      } catch {
        return null;
      }
    }
    return answer !== null && typeof answer === 'object' && !Array.isArray(answer) ? answer : { result: answer };
  }
  function dig(value, path) {
    for (const [index, part] of path.entries()) {
      if (part === '[]') return Array.isArray(value) ? value.map(item => dig(item, path.slice(index + 1))) : undefined;
      if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined;
      value = value[part];
    }
    return value;
  }
  const isCut = result => result._meta?.['gatepost/truncated'] !== undefined;

  const shorten = text => (text.length > MOST_IN_CELL ? `${text.slice(0, MOST_IN_CELL)} …` : text);
  // Values, always as text: nothing of an answer becomes markup or an address.
  function write(value, kind) {
    if (value === undefined || value === null || value === '') return el('span', { class: 'none', 'aria-label': words.none, role: 'img' }, '–');
    if (value === WITHHELD) return el('em', { class: 'none' }, words.withheld);
    if (typeof value === 'boolean') return document.createTextNode(value ? words.yes : words.no);
    if (typeof value === 'number') return document.createTextNode(kind === 'plain' ? String(value) : value.toLocaleString(locale, { maximumFractionDigits: 20 }));
    if (Array.isArray(value)) {
      const flat = value.flat(9).filter(item => item != null);
      if (flat.some(item => typeof item === 'object')) return el('pre', {}, JSON.stringify(value, null, 2));
      if (!flat.length) return write(null);
      return el('span', { class: 'chips' }, ...flat.map(item => el('span', { class: 'chip' }, write(item, 'plain'))));
    }
    if (typeof value === 'object') return el('pre', {}, JSON.stringify(value, null, 2));
    if (kind === 'choice') return el('span', { class: 'chip' }, value.replaceAll('_', ' '));
    if ((kind === 'date' || kind === 'time') && /^\d{4}-\d\d-\d\d/.test(value)) return writeDate(value, kind);
    return document.createTextNode(value);
  }
  function writeDate(value, kind) {
    const day = kind === 'date' || value.length === 10;
    const date = new Date(day ? `${value.slice(0, 10)}T00:00:00Z` : value);
    if (Number.isNaN(+date)) return document.createTextNode(value);
    const options = day ? { dateStyle: 'medium', timeZone: 'UTC' } : { dateStyle: 'medium', timeStyle: 'short' };
    if (!day && host.timeZone) options.timeZone = host.timeZone;
    try {
      return el('time', { datetime: value }, date.toLocaleString(locale, options));
    } catch {
      return document.createTextNode(value);
    }
  }

  function showFirst(result) {
    if (app.view === 'form') showFormFirst(result);
    else if (result.isError) {
      show(app.title);
      fail(textOf(result) || words.failed);
    } else if (app.view === 'card') showCard(app, result, null);
    else showTable(result, [input[app.next]]);
  }
  function showStrange(heading, result) {
    show(heading, el('p', {}, words.strange), el('pre', {}, textOf(result)));
    say('');
  }

  function showTable(result, cursors) {
    const answer = read(result);
    const rows = answer && dig(answer, app.at);
    if (!Array.isArray(rows)) return showStrange(app.title, result);
    const again = () => showTable(result, cursors);
    redraw = again;
    const reload = list => during(words.loading, async () => {
      const args = { ...input };
      if (app.next) args[app.next] = list.at(-1);
      if (app.next && args[app.next] === undefined) delete args[app.next];
      const following = await call(app.tool, args);
      showTable(following, list);
      title.focus();
    });
    const open = (row, index) => during(words.loading, async () => {
      const args = fill(app.row.arguments, row);
      const found = await call(app.row.tool, args);
      showCard(app.row, found, () => { again(); view.querySelector(`[data-row="${index}"]`)?.focus(); }, args, () => reload(cursors));
      title.focus();
    });
    const cell = (field, row, index, first) => {
      const said = dig(row, field.path);
      const value = write(typeof said === 'string' ? shorten(said) : said, field.kind);
      const link = first && app.row && canCall && fill(app.row.arguments, row);
      const shown = link ? el('button', { type: 'button', class: 'open', 'data-row': index, click: () => open(row, index) }, value) : value;
      const attributes = { 'data-label': field.label, class: field.kind === 'number' ? 'number' : null };
      return first
        ? el('th', { scope: 'row', role: 'rowheader', ...attributes }, shown)
        : el('td', { role: 'cell', ...attributes }, shown);
    };
    const table = el('table', { role: 'table', 'aria-labelledby': 'title' },
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...app.fields.map(field =>
        el('th', { scope: 'col', role: 'columnheader', class: field.kind === 'number' ? 'number' : null }, field.label)))),
      el('tbody', { role: 'rowgroup' }, ...rows.slice(0, MOST_ROWS).map((row, index) =>
        el('tr', { role: 'row' }, ...app.fields.map((field, place) => cell(field, row, index, place === 0))))));
    const following = isScalar(answer.nextCursor) ? answer.nextCursor : null;
    const turns = [];
    if (canCall && cursors.length > 1) turns.push(button(words.previous, () => reload(cursors.slice(0, -1))));
    if (canCall && app.next && following != null) turns.push(button(words.next, () => reload([...cursors, following])));
    const hidden = app.submit && canCall ? fill(app.submit.hidden, {}) : null;
    const add = hidden && el('div', { class: 'bar' }, button(app.submit.action, () => {
      showForm(app.submit, {}, { hidden, back: again, after: () => reload(cursors) });
      title.focus();
    }, 'main'));
    show(app.title, add,
      rows.length ? el('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-labelledby': 'title' }, table) : el('p', {}, words.empty),
      turns.length ? el('div', { class: 'bar after' }, ...turns) : null);
    const notes = rows.length ? [words.rows(rows.length, cursors.length)] : [];
    if (rows.length > MOST_ROWS) notes.push(words.first(MOST_ROWS));
    if (isCut(result)) notes.push(words.cut);
    if (!canCall && (following != null || app.row)) notes.push(words.alone);
    say(notes.join('. '));
  }

  /** Tell whether a value names exactly one thing: nothing nested, withheld or too large for a number here. */
  const isScalar = value => (typeof value === 'string' && value !== '' && value !== WITHHELD) || Number.isSafeInteger(value);
  /** Fill arguments from a record or from the arguments of the first call; null if one is missing. */
  function fill(sources, record, given = input) {
    const args = {};
    for (const [name, [from, field]] of Object.entries(sources)) {
      const value = from === 'record' ? dig(record, [field]) : given[field];
      if (!isScalar(value)) return null;
      args[name] = value;
    }
    return args;
  }

  function facts(fields, record) {
    return el('dl', {}, ...fields.map(field => el('div', {}, el('dt', {}, field.label), el('dd', {}, write(dig(record, field.path), field.kind)))));
  }
  function showCard(card, result, back, args = input, changed = null) {
    const answer = read(result);
    const record = answer && dig(answer, card.at);
    if (record === null || typeof record !== 'object' || Array.isArray(record)) return showStrange(card.title, result);
    const again = () => showCard(card, result, back, args, changed);
    redraw = again;
    // A form that replaces the whole record would replace what was cut with nothing.
    const whole = card.submit?.changes || !isCut(result);
    const hidden = card.submit && canCall && whole ? fill(card.submit.hidden, record, args) : null;
    const edit = () => {
      showForm(card.submit, record, {
        hidden,
        back: again,
        after: () => during(words.loading, async () => {
          showCard(card, await call(card.tool, args), back && changed, args, changed);
        }),
      });
      title.focus();
    };
    const bar = [];
    if (back) bar.push(button(words.back, back));
    if (hidden) bar.push(button(card.submit.action, edit, 'main'));
    show(card.title, bar.length ? el('div', { class: 'bar' }, ...bar) : null, facts(card.fields, record));
    say([isCut(result) ? words.cut : '', !canCall && card.submit ? words.alone : ''].filter(Boolean).join(' '));
  }

  const isGerman = () => words === LANGUAGES.de;
  // Forms. A host may sandbox the app without `allow-forms`, so nothing relies on a form's submission.
  function control(field, value) {
    const id = `field-${field.name}`;
    const shared = { id, name: field.name, 'aria-describedby': `${id}-help ${id}-error`, 'aria-required': String(field.required) };
    const text = value === undefined || value === null ? '' : value;
    const option = (key, label) => el('option', { value: JSON.stringify(key), selected: key === value || (Array.isArray(value) && value.includes(key)) }, label);
    const area = shown => el('textarea', { ...shared, rows: field.kind === 'long' ? 5 : 3 }, shown);
    switch (field.kind) {
      case 'flag':
        return el('select', shared, el('option', { value: '' }, words.choose), option(true, words.yes), option(false, words.no));
      case 'choice':
        return el('select', shared, el('option', { value: '' }, words.choose), ...[...new Set(isScalar(value) ? [...field.options, value] : field.options)].map(key => option(key, String(key).replaceAll('_', ' '))));
      case 'choices':
        return el('select', { ...shared, multiple: true, size: Math.min(field.options.length, 6) }, ...field.options.map(key => option(key, String(key).replaceAll('_', ' '))));
      case 'lines':
        return area(Array.isArray(text) ? text.join('\n') : '');
      case 'json':
        return area(text === '' ? '' : JSON.stringify(text, null, 2));
      case 'long':
        return area(String(text));
      case 'number':
      case 'integer':
        return el('input', { ...shared, inputmode: field.kind === 'integer' ? 'numeric' : 'decimal', value: typeof text === 'number' && isGerman() ? String(text).replace('.', ',') : String(text) });
      case 'date':
        return el('input', { ...shared, type: 'date', value: String(text).slice(0, 10) });
      case 'time': {
        const date = new Date(text);
        const local = text === '' || Number.isNaN(+date) ? '' : new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
        return el('input', { ...shared, type: 'datetime-local', value: local });
      }
      default:
        return el('input', { ...shared, value: typeof text === 'object' ? JSON.stringify(text) : String(text) });
    }
  }

  const raw = node => (node.multiple ? JSON.stringify([...node.selectedOptions].map(one => one.value)) : node.value);
  /** Return what was entered, or undefined if nothing was; throw what is wrong, in words. */
  function entered(field, node) {
    if (field.kind === 'choices') {
      const picked = [...node.selectedOptions].map(one => JSON.parse(one.value));
      return picked.length ? picked : undefined;
    }
    if (field.kind === 'lines') {
      const lines = node.value.split('\n').map(line => line.trim()).filter(Boolean);
      return lines.length ? lines : undefined;
    }
    const text = node.value;
    if (node.validity?.badInput) throw new Error(words.date);
    if (text.trim() === '') return undefined;
    if (field.kind === 'flag' || field.kind === 'choice') return JSON.parse(text);
    if (field.kind === 'json') {
      try {
        return JSON.parse(text);
      } catch {
        throw new Error(words.json);
      }
    }
    if (field.kind === 'number' || field.kind === 'integer') {
      // A thousands separator is refused: `1.000` is one or a thousand, by the language.
      const form = isGerman() ? /^[+-]?\d+(,\d+)?(e[+-]?\d+)?$/i : /^[+-]?(\d+\.?|\d*\.\d+)(e[+-]?\d+)?$/i;
      const number = form.test(text.trim()) ? Number(text.trim().replace(',', '.')) : NaN;
      if (!Number.isFinite(number)) throw new Error(words.number);
      if (field.kind === 'integer' && !Number.isSafeInteger(number)) throw new Error(words.whole);
      if (field.least != null && number < field.least) throw new Error(words.least(field.least));
      if (field.most != null && number > field.most) throw new Error(words.most(field.most));
      return number;
    }
    if (field.kind === 'time') return new Date(text).toISOString();
    if (field.short != null && [...text].length < field.short) throw new Error(words.short(field.short));
    if (field.long != null && [...text].length > field.long) throw new Error(words.long(field.long));
    return text;
  }

  function showForm(form, values, { hidden = {}, back = null, after = null, problem = '' } = {}) {
    const fields = form.inputs.map(field => {
      const known = dig(values, [field.name]) ?? (form.changes ? undefined : field.default);
      const withheld = JSON.stringify(known ?? null).includes(WITHHELD);
      const value = withheld ? undefined : known;
      const node = control(field, value);
      const id = node.id;
      const hints = [field.help, { lines: words.lines, json: words.written }[field.kind], withheld && words.hidden].filter(Boolean).join(' ');
      const error = el('p', { class: 'error', id: `${id}-error`, hidden: true });
      const row = el('div', { class: 'field' },
        el('label', { for: id }, field.label, field.required || form.changes ? null : el('span', { class: 'help' }, ` (${words.optional})`)),
        node, el('p', { class: 'help', id: `${id}-help`, hidden: !hints }, hints), error);
      return { field, node, error, row, value, before: raw(node) };
    });
    const collect = () => {
      const args = { ...hidden };
      let wrong = null;
      let changed = false;
      for (const { field, node, error, before, value: known } of fields) {
        let said = '';
        let value;
        const same = raw(node) === before;
        changed ||= !same;
        try {
          // A record may hold a value that the form would not take, which is then left alone.
          if (!form.changes || !same || field.required) value = entered(field, node);
          // What nobody touched is sent as it was read, not as the input shows it.
          if (same && value !== undefined) value = known;
          if (value === undefined && (field.required || (form.changes && !same && field.empty === undefined))) said = words.required;
        } catch (problem) {
          said = problem.message;
        }
        error.hidden = !said;
        error.textContent = said;
        node.setAttribute('aria-invalid', String(Boolean(said)));
        if (said) wrong ??= node;
        if (form.changes && same && !field.required) continue;
        if (value !== undefined) args[field.name] = value;
        else if (form.changes && !same) args[field.name] = field.empty;
      }
      if (wrong) {
        fail(words.fix);
        wrong.focus();
        return null;
      }
      if (form.changes && !changed) {
        fail(words.unchanged);
        return null;
      }
      return args;
    };
    const send = () => {
      if (main.getAttribute('aria-busy') === 'true') return;
      const args = collect();
      if (args === null) return;
      let done = false;
      during(words.waiting, async () => {
        const result = await call(form.tool, args);
        if (after) done = true;
        else showSent(form, args, result);
      }).then(async () => {
        if (!done) return;
        // What was sent is done, even if the view can't be read again.
        back();
        await after();
        title.focus();
        say(`${words.done} ${status.textContent}`);
      });
    };
    const press = event => {
      if (event.key === 'Enter' && event.target.localName === 'input') {
        event.preventDefault();
        send();
      }
    };
    const bar = el('div', { class: 'bar' }, canCall ? button(form.action, send, 'main') : null, back ? button(words.back, () => { back(); title.focus(); }) : null);
    redraw = () => {};
    show(form.title, el('form', { novalidate: true, 'aria-labelledby': 'title', keydown: press, submit: event => event.preventDefault() }, ...fields.map(one => one.row), bar));
    if (problem) fail(problem);
    say(canCall ? '' : words.alone);
  }
  function showSent(form, args, result, said = words.done) {
    redraw = () => showSent(form, args, result, said);
    const answer = read(result);
    const again = canCall ? el('div', { class: 'bar after' }, button(words.again, () => { showForm(form, args); title.focus(); })) : null;
    const record = answer && (answer.result !== undefined && Object.keys(answer).length === 1 ? null : answer);
    show(form.title, record ? facts(form.fields ?? guess(record), record) : el('p', { class: 'text' }, textOf(result)), again);
    say(said);
  }
  const guess = record => Object.keys(record).filter(name => name !== '' && name !== 'nextCursor').slice(0, MOST_LINES).map(name => ({ label: name[0].toUpperCase() + name.slice(1).replaceAll('_', ' '), path: [name], kind: '' }));
  function showFormFirst(result) {
    if (result.isError) showForm(app.submit, input, { problem: textOf(result) });
    else if (app.submit.tool === app.tool) showSent(app.submit, input, result, words.sent);
    else {
      const record = read(result) ?? {};
      const hidden = app.submit.changes || !isCut(result) ? fill(app.submit.hidden, record) : null;
      if (hidden) showForm(app.submit, record, { hidden });
      else showStrange(app.title, result);
    }
  }

  async function start() {
    say(words.loading);
    const answer = await request('ui/initialize', {
      protocolVersion: '2026-01-26',
      appInfo: { name: app.title, version: '1' },
      appCapabilities: { availableDisplayModes: ['inline', 'fullscreen'] },
    });
    canCall = answer.hostCapabilities?.serverTools !== undefined;
    adopt(answer.hostContext ?? {});
    say(words.loading);
    post({ method: 'ui/notifications/initialized', params: {} });
    let last = 0;
    new ResizeObserver(() => {
      const { top = 0, bottom = 0 } = host.safeAreaInsets ?? {};
      const height = Math.ceil(main.offsetHeight + top + bottom);
      if (last !== (last = height)) post({ method: 'ui/notifications/size-changed', params: { height } });
    }).observe(main);
  }
  start().catch(error => fail(error.message || words.failed));
}
