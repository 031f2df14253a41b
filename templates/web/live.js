// What the page can do better with script: news as it comes, and all rows with one button. Everything else works without.
(() => {
  "use strict";
  const body = document.body;
  const STALE_AFTER = 60_000;
  // When the service was heard last; zero until its stream is open: till then the page says when it was made.
  let heard = 0;
  let asked = Date.now();

  // «4 s ago», in the language of the page.
  const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto", style: "short" });
  const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
  const ago = (milliseconds) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1_000));
    const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? UNITS[3];
    return relative.format(-Math.floor(seconds / size), unit);
  };

  let stream;
  const tick = () => {
    if (stream?.readyState === EventSource.OPEN) heard = Date.now();
    const live = document.getElementById("live");
    const time = live?.querySelector("time");
    const isOld = Date.now() - (heard || asked) > STALE_AFTER;
    // What the service itself calls old stays as it was written.
    if (!time || "answer" in body.dataset || !(heard || isOld) || document.querySelector(".say.old")) return;
    const write = (element, words) => { if (element.textContent !== words) element.textContent = words; };
    write(time, ago(Date.now() - asked));
    write(live.querySelector("span"), isOld ? body.dataset.stale : body.dataset.live);
    live.classList.remove("still");
    live.classList.toggle("old", isOld);
  };

  // Whoever has ticked or typed something, or opened a menu, is not to lose it.
  const isBusy = () => {
    const main = document.getElementById("main");
    const typed = [...main.querySelectorAll("input, select, textarea")].some((field) =>
      field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked
        : field.type === "hidden" ? false
        : field.tagName === "SELECT" ? [...field.options].some((one) => one.selected !== one.defaultSelected) && field === document.activeElement
        : field.value !== field.defaultValue);
    return typed || main.querySelector(".pop[open]") !== null;
  };

  // What a button would do is not to change under the hand that goes to it: a form that would do something else by now, or a page
  // that somebody is in the midst of, waits for a press. An explanation was asked of registries, and is not asked for again.
  const acts = (main) =>
    [...main.querySelectorAll("form.card[method=post]")].flatMap((form) =>
      [...form.querySelectorAll("[name]:not([name=form_token]), option")].map((field) => field.value)).join("\n");
  const isExplained = new URLSearchParams(location.search).has("explain");
  const STILL_FOR = 1_000;
  let moved = 0;
  for (const name of ["pointermove", "pointerdown", "keydown"]) {
    addEventListener(name, (event) => { if (event.target.closest?.("#main form[method=post]")) moved = Date.now(); }, { passive: true });
  }

  const tellNews = () => { document.getElementById("news").hidden = false; };

  const keyOf = (element) => element?.id || element?.getAttribute?.("aria-label") || element?.getAttribute?.("href") || "";

  const refresh = async () => {
    if (document.hidden || "answer" in body.dataset) return;
    if (isBusy() || isExplained) return tellNews();
    if (Date.now() - moved < STILL_FOR) return soon();
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = fresh.getElementById("main");
    if (!now) return;
    if (isBusy() || acts(now) !== acts(document.getElementById("main"))) return tellNews();
    const focused = keyOf(document.activeElement);
    const open = [...document.querySelectorAll("main details[open] > summary")].map((one) => one.textContent);
    document.getElementById("main").replaceWith(now);
    document.querySelector(".top nav").replaceWith(fresh.querySelector(".top nav"));
    document.title = fresh.title;
    for (const summary of document.querySelectorAll("main details > summary")) {
      if (open.includes(summary.textContent)) summary.parentElement.open = true;
    }
    if (focused) {
      const again = [...document.querySelectorAll("main a, main button, main input, main summary, .top a")].find((one) => keyOf(one) === focused);
      again?.focus({ preventScroll: true });
    }
    asked = heard = Date.now();
    ready();
    tick();
  };

  let waits = 0;
  const soon = () => {
    heard = Date.now();
    clearTimeout(waits);
    waits = setTimeout(() => refresh().catch(() => {}), 600);
  };

  // What is to be copied can be selected with one click; where the browser lets a page write there, a button copies it.
  const copies = () => {
    if (!navigator.clipboard) return;
    for (const code of document.querySelectorAll("code.all")) {
      if (code.nextElementSibling?.classList.contains("copy")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy low quiet";
      button.textContent = body.dataset.copy;
      button.setAttribute("aria-label", `${body.dataset.copy}: ${code.textContent}`);
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = body.dataset.copied;
        setTimeout(() => { button.textContent = body.dataset.copy; }, 2_000);
      });
      code.after(button);
    }
  };

  const ready = () => {
    copies();
    const all = document.getElementById("all-rows");
    if (!all) return;
    all.hidden = false;
    all.addEventListener("click", () => {
      for (const box of all.form.querySelectorAll("tbody [type=checkbox]")) box.checked = true;
    });
  };

  // A page that comes back out of the browser's store is as old as it was left.
  addEventListener("pageshow", (event) => { if (event.persisted) soon(); });
  addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() - asked > STALE_AFTER) soon(); });

  ready();
  tick();
  setInterval(tick, 1_000);

  // What answers a form can't be asked for again.
  if ("answer" in body.dataset) return;
  // A browser comes back by itself to a stream that broke off, and not to one that was refused.
  const [SHORTEST_WAIT, LONGEST_WAIT] = [15_000, 300_000];
  let again = SHORTEST_WAIT;
  const listen = () => {
    stream = new EventSource(body.dataset.events);
    stream.addEventListener("changed", soon);
    stream.addEventListener("reset", soon);
    stream.addEventListener("open", () => { tick(); if (again > SHORTEST_WAIT) soon(); again = SHORTEST_WAIT; });
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED) return;
      setTimeout(listen, again);
      again = Math.min(again * 2, LONGEST_WAIT);
    });
  };
  listen();
})();
