// What pages do besides showing: times in the reader's zone, copying, charts, and asking again without disturbing.
"use strict";

(() => {
  const clock = { hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const formats = [clock, { ...clock, month: "short", day: "numeric" }, { ...clock, month: "short", day: "numeric", year: "numeric" }]
    .map((format) => new Intl.DateTimeFormat(undefined, format));

  // Of today the hour is enough, of this year the day.
  function inWords(at, now) {
    const isYear = at.getFullYear() === now.getFullYear();
    return formats[at.toDateString() === now.toDateString() ? 0 : isYear ? 1 : 2].format(at);
  }

  function localTimes(root) {
    const now = new Date();
    for (const time of root.querySelectorAll("time[data-utc]")) {
      if (time.dataset.utc === "day") continue; // a day of the books is a day of UTC, wherever it is read
      time.title = time.textContent;
      time.textContent = inWords(new Date(time.dateTime), now);
      delete time.dataset.utc;
    }
  }

  function copyButtons(root) {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.querySelector(".unseen");
    const before = label.textContent;
    label.textContent = "Copied";
    button.classList.add("copied");
    setTimeout(() => { label.textContent = before; button.classList.remove("copied"); }, 1500);
  });

  // A menu closes when something else is clicked, and on Escape.
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.drop[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const open of document.querySelectorAll("details.drop[open]")) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });

  // A page asks for itself again only while somebody looks at it and does nothing on it.
  function isInUse(page) {
    const active = document.activeElement;
    const selection = document.getSelection();
    return (active && active !== page && page.contains(active)) ||
      page.querySelector("details[open]") !== null ||
      (selection && !selection.isCollapsed && page.contains(selection.anchorNode));
  }
  document.addEventListener("htmx:beforeRequest", (event) => {
    const page = event.detail.elt;
    if (page.id === "page" && (document.hidden || isInUse(page))) event.preventDefault();
  });

  let scrolled = [];
  const boxes = (root) => [...root.querySelectorAll(".scroll")];
  document.addEventListener("htmx:beforeSwap", (event) => {
    document.getElementById("offline").hidden = true;
    if (event.detail.target.id === "page") scrolled = boxes(event.detail.target).map((box) => [box.scrollLeft, box.scrollTop]);
  });
  document.addEventListener("htmx:sendError", () => { document.getElementById("offline").hidden = false; });

  function ready(root) {
    localTimes(root);
    copyButtons(root);
    document.dispatchEvent(new CustomEvent("console:ready", { detail: { root } }));
  }
  document.addEventListener("htmx:afterSettle", () => {
    const page = document.getElementById("page");
    ready(page);
    boxes(page).forEach((box, index) => {
      if (scrolled[index]) [box.scrollLeft, box.scrollTop] = scrolled[index];
    });
    scrolled = [];
  });

  window.tallygate = { ready };
  ready(document);
})();
