// Keeps a view up to date, sends what its buttons say, and answers to keys. The server renders everything: what comes is
// read as a document and put in place of what was there, so that no text ever becomes markup here.
"use strict";

const main = document.querySelector("main");
const token = document.querySelector("meta[name=page-token]").content;
let version = Number(main.dataset.version);

function say(text, place = document.getElementById("said")) {
  place.textContent = text;
}

// An answer of the server as a document. Scripts in it do not run.
function ask(method, address, body) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = "document";
    if (body !== undefined) {
      request.setRequestHeader("content-type", "application/json");
      request.setRequestHeader("x-page-token", token);
    }
    request.onload = () => request.response ? resolve(request.response) : reject(new Error(`status ${request.status}`));
    request.onerror = () => reject(new Error("no answer"));
    request.send(body === undefined ? null : JSON.stringify(body));
  });
}

// Times, as the reader's clock has them; UTC stays at hand in the title.
function localTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleTimeString();
  }
}

// What the reader has chosen and not sent yet, by form and name.
function chosen(root) {
  const controls = [...root.querySelectorAll("form[data-send] :is(input, select):not([type=hidden])")];
  return controls.map((control) => [`${control.form.dataset.send} ${control.name}`, control]);
}

// A new part for an old one: what was open stays open, what was chosen stays chosen, what has the focus keeps it.
function put(fresh, old) {
  localTimes(fresh);
  const before = new Map(chosen(old).filter(([, control]) => control.dataset.chosen !== undefined));
  for (const [name, control] of chosen(fresh)) {
    if (!before.has(name)) continue;
    control.value = before.get(name).value;
    control.dataset.chosen = "";
  }
  for (const details of old.querySelectorAll("details[id]")) {
    const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
    if (same) same.open = details.open;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && [...old.querySelectorAll("a, button, summary, pre")].indexOf(focused);
  old.replaceWith(document.adoptNode(fresh));
  if (focused) {
    const again = focused.id ? document.getElementById(focused.id) : null;
    (again ?? fresh.querySelectorAll("a, button, summary, pre")[place])?.focus();
  }
}

document.addEventListener("input", (event) => {
  if (event.target.form?.dataset.send) event.target.dataset.chosen = "";
});

function isEdited(part) {
  const focused = document.activeElement;
  return part.contains(focused) && focused.matches("input, select, textarea");
}

async function newRows() {
  const query = new URLSearchParams(location.search);
  query.set("after", version);
  const table = (await ask("GET", `/page/rows?${query}`)).querySelector("table");
  const rows = document.getElementById("rows");
  const count = rows.children.length;
  let last;
  for (const row of [...table.querySelectorAll("tr")]) {
    const old = document.getElementById(row.id);
    if (old) {
      if (old.classList.contains("picked")) row.classList.add("picked");
      put(row, old);
    } else {
      localTimes(row);
      row.classList.add("fresh");
      rows.prepend(document.adoptNode(row));
    }
    last = row;
  }
  if (rows.children.length) {
    document.getElementById("handoffs").hidden = false;
    document.getElementById("none")?.remove();
  }
  if (last && rows.children.length !== count) {
    const [, conversation, , state] = last.children;
    say(`Handoff of conversation ${conversation.textContent.trim()}: ${state.textContent.trim()}`);
  }
  return Number(table.dataset.version);
}

async function newParts() {
  const fresh = (await ask("GET", location.href)).querySelector("main");
  for (const part of [...fresh.querySelectorAll("[data-part]")]) {
    const old = document.getElementById(part.id);
    if (old && !isEdited(old)) put(part, old);
  }
  return Number(fresh.dataset.version);
}

// One look at a time; what changes meanwhile is looked at after it.
let looking = false;
let wanted = version;
async function changed(next) {
  wanted = Math.max(wanted, next);
  if (looking || wanted <= version || main.dataset.live === "no") return;
  looking = true;
  try {
    while (wanted > version) {
      version = main.dataset.live === "rows" ? await newRows() : await newParts();
    }
  } catch {
    live("Not connected");
  } finally {
    looking = false;
  }
}

function live(text) {
  document.getElementById("live").textContent = text;
}

// A browser keeps few connections to one server: one tab listens, and tells the others.
const others = new BroadcastChannel("desk-handoff");
others.onmessage = (message) => heard(message.data);
function heard(data) {
  live("Live");
  changed(Number(data));
}
live("Live");
navigator.locks.request("desk-handoff-events", () => new Promise(() => {
  const source = new EventSource("/page/events");
  source.onmessage = (event) => {
    others.postMessage(event.data);
    heard(event.data);
  };
  source.onerror = () => live("Not connected");
}));

// A form says where it goes, as `POST /page/send`; its fields are sent as JSON.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.filter !== undefined) {
    event.preventDefault();
    // The other filters stay.
    const query = new URLSearchParams(location.search);
    query.set("q", new FormData(form).get("q"));
    location.search = `?${query}`;
    return;
  }
  if (!form.dataset.send) return;
  event.preventDefault();
  const [method, address] = form.dataset.send.split(" ");
  const body = Object.fromEntries(new FormData(form));
  addTexts(body, form);
  const buttons = [...(form.closest("li") ?? form).querySelectorAll("button")];
  const focused = document.activeElement;
  // Two steps at once would tell their results in the wrong order.
  for (const button of buttons) button.disabled = true;
  try {
    const headers = {"content-type": "application/json", "x-page-token": token};
    const answer = await fetch(address, {method, headers, body: JSON.stringify(body)});
    for (const control of form.elements) delete control.dataset.chosen;
    const {said, go} = await answer.json().catch(() => ({said: `Refused with ${answer.status}.`}));
    const place = form.dataset.answer && document.getElementById(form.dataset.answer);
    if (place) {
      say(`${said} `, place);
      if (go) place.append(link(go, "Look at it"));
    } else if (go) {
      location.href = go;
    } else {
      say(said);
    }
  } catch {
    say("The server does not answer.");
  } finally {
    for (const button of buttons) button.disabled = false;
    if (buttons.includes(focused)) focused.focus();
  }
});

// What stands in the editors that an element names.
function addTexts(body, element) {
  for (const id of (element.dataset.with ?? "").split(" ").filter(Boolean)) {
    const text = document.getElementById(id);
    body[text.name] = text.value;
  }
}

// A link that has something to do first.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-first]");
  if (!link) return;
  event.preventDefault();
  const [method, address] = link.dataset.first.split(" ");
  const body = {};
  addTexts(body, link);
  const headers = {"content-type": "application/json", "x-page-token": token};
  const {said, done} = await (await fetch(address, {method, headers, body: JSON.stringify(body)})).json();
  say(said);
  if (done) location.href = link.href;
});

function link(address, text) {
  const link = document.createElement("a");
  link.href = address;
  link.textContent = text;
  return link;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    say("Copied.");
  } catch {
    say("The browser does not let it be copied: select the text.");
  }
});

// Try it: the outcomes follow what is typed. An answer that was overtaken is dropped.
let typed = 0;
async function preview() {
  const mine = ++typed;
  const body = {};
  for (const text of document.querySelectorAll("[data-edit]")) body[text.name] = text.value;
  try {
    const fresh = (await ask("POST", "/page/preview", body)).getElementById("result");
    if (mine === typed && fresh) {
      const result = document.getElementById("result");
      result.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
    }
  } catch {
    say("The server does not answer.");
  }
}
for (const text of document.querySelectorAll("[data-edit]")) text.addEventListener("input", preview);

// A button beside a key changes the fields document, as the reader would by hand.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fix]");
  if (!button) return;
  const editor = document.getElementById("fields-text");
  const fields = JSON.parse(editor.value);
  const {alias, field, deny} = button.dataset;
  if (field && fields.fields && !fields.fields.some((listed) => listed.key === field)) {
    fields.fields.push({key: field, type: "text"});
  }
  if (alias) fields.aliases = {...fields.aliases, [alias]: field};
  if (deny) fields.deny = [...(fields.deny ?? []), deny];
  editor.value = JSON.stringify(fields, null, 2);
  say(`${button.textContent.trim()}: done in the fields document. It is used when you send or save.`);
  editor.dispatchEvent(new Event("input", {bubbles: true}));
  editor.focus();
});

// Keys.
const places = {h: "/", t: "/page/try", d: "/page/desk", u: "/page/tour"};
let afterG = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) return;
  if (afterG) {
    afterG = false;
    if (places[event.key]) location.href = places[event.key];
    return;
  }
  if (event.key === "g") afterG = true;
  else if (event.key === "?") document.getElementById("keys").showModal();
  else if (event.key === "j" || event.key === "k") pick(event.key === "j" ? 1 : -1);
  else if (event.key === "r") document.getElementById("again")?.click();
  else if (event.key === "/" && document.getElementById("q")) document.getElementById("q").focus();
  else return;
  event.preventDefault();
});

function pick(step) {
  const rows = [...document.querySelectorAll("#rows tr")];
  if (!rows.length) return;
  const now = rows.findIndex((row) => row.classList.contains("picked"));
  const next = Math.min(Math.max(now + step, 0), rows.length - 1);
  rows[now]?.classList.remove("picked");
  rows[next].classList.add("picked");
  rows[next].querySelector("a").focus();
}

localTimes(document);
