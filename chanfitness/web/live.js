"use strict";
// Live updates of a served page: fetches it repeatedly while its tab is visible.
(() => {
  const EVERY = 500, PATIENCE = 10000;  // milliseconds
  const status = document.getElementById("live");
  let tag = document.querySelector("meta[name=tag]").content;
  let answered = new Date();

  const REACHABLE = "a, button, summary";
  const parts = () => document.querySelectorAll("#head, .range, #lists");

  // Returns the position of the focused element, to restore it in a replaced part.
  const focused = () => {
    const part = document.activeElement.closest("#head, .range, #lists");
    return part && [part.id, [...part.querySelectorAll(REACHABLE)].indexOf(document.activeElement)];
  };

  const renew = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    if (next.querySelector("style").textContent !== document.querySelector("style").textContent) {
      location.reload();  // the server has another version
      return;
    }
    const folds = new Map([...document.querySelectorAll("details")].map((each) => [each.id, each.open]));
    const focus = focused();
    document.title = next.title;
    for (const part of parts()) part.replaceWith(document.adoptNode(next.getElementById(part.id)));
    for (const each of document.querySelectorAll("details")) each.open = folds.get(each.id) ?? each.open;
    document.dispatchEvent(new Event("renewed"));
    if (focus) document.getElementById(focus[0]).querySelectorAll(REACHABLE)[focus[1]]?.focus({preventScroll: true});
  };

  const ask = async () => {
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch("./", {cache: "no-store", headers: {"If-None-Match": tag}, signal});
    if (answer.status === 304) return;
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    tag = answer.headers.get("ETag");
    renew(text);
  };

  const tell = (text) => {
    if (status.textContent !== text) status.textContent = text;  // screen readers repeat changes
  };

  const follow = async () => {
    try {
      if (!document.hidden) {
        await ask();
        answered = new Date();
        tell("Updates automatically.");
      }
    } catch {
      tell(`No answer since ${answered.toLocaleTimeString()}: the figures may be out of date.`);
    }
    setTimeout(follow, EVERY);
  };
  follow();
})();
