// What pages do besides showing: times in the reader's zone, copying, charts, and asking again without disturbing.
"use strict";

(() => {
  const zone = { hour12: false };
  const formats = {
    second: new Intl.DateTimeFormat(undefined, {
      ...zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    }),
    day: null, // a day of the books is a day of UTC, wherever it is read
  };

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[data-utc]")) {
      const format = formats[time.dataset.utc];
      const at = new Date(time.dateTime);
      if (!format || Number.isNaN(at.getTime())) continue;
      time.title = time.textContent;
      time.textContent = format.format(at);
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
