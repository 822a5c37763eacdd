// The answers of one or two models as they come, and what they took.
"use strict";

(() => {
  const form = document.getElementById("ask");
  if (!form || !window.ReadableStream) return;
  const answers = document.getElementById("answers");
  const [ask, stop] = [form.elements.ask, form.elements.stop];
  const TAKEN_AGAIN_MS = 400, TAKEN_TRIES = 15; // the books are a moment behind
  let running = null;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (running) return;
    running = new AbortController();
    ask.disabled = true;
    stop.hidden = false;
    answers.replaceChildren();
    const models = [form.elements.model.value, form.elements.beside.value].filter((name) => name);
    await Promise.all(models.map((model) => answer(model, running.signal)));
    running = null;
    ask.disabled = false;
    stop.hidden = true;
  });
  stop.addEventListener("click", () => running?.abort());

  async function answer(model, signal) {
    const place = document.getElementById("answer").content.cloneNode(true).firstElementChild;
    place.querySelector("h2").textContent = model;
    place.setAttribute("aria-label", `Answer of ${model}`);
    answers.append(place);
    const text = place.querySelector(".answer");
    try {
      const fields = new URLSearchParams(new FormData(form));
      fields.set("model", model);
      const response = await fetch("/playground/stream", { method: "POST", body: fields, signal });
      if (response.redirected) return location.reload(); // signed out meanwhile
      const id = response.headers.get("x-tallygate-inference-id");
      if (!response.ok) await refused(place, response);
      else await tell(response.body, text, place);
      if (id) await took(place, id);
      else place.querySelector(".took").replaceChildren();
    } catch (error) {
      const stopped = error.name === "AbortError";
      fail(place, stopped ? "Stopped" : "The console does not answer", stopped ? "The call was given up; what it took so far is on record." : String(error.message));
      place.querySelector(".took").replaceChildren();
    } finally {
      text.setAttribute("aria-busy", "false");
      if (!text.textContent) text.hidden = true;
    }
  }

  async function tell(body, text, place) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (rest + value).split(/\r?\n\r?\n/);
      rest = events.pop();
      for (const event of events) {
        const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n");
        if (!data || data === "[DONE]") continue;
        const said = JSON.parse(data);
        if (said.error) fail(place, said.error.code || "It broke off", said.error.detail || said.error.message, said.error.tips);
        const delta = said.choices?.[0]?.delta?.content;
        if (delta) text.append(delta);
      }
    }
  }

  async function refused(place, response) {
    const body = await response.json().catch(() => ({}));
    const error = body.error || body;
    fail(place, error.code || `Status ${response.status}`, error.detail || error.message || "", error.tips);
  }

  function fail(place, title, detail, tips = []) {
    const notice = place.querySelector(".notice");
    notice.querySelector("strong").textContent = title;
    notice.children[1].textContent = detail || "";
    notice.querySelector("ul").replaceChildren(...tips.map((tip) => Object.assign(document.createElement("li"), { textContent: tip })));
    notice.hidden = false;
  }

  async function took(place, id) {
    const box = place.querySelector(".took");
    for (let tries = 0; tries < TAKEN_TRIES; tries += 1) {
      const response = await fetch(`/playground/taken/${encodeURIComponent(id)}`);
      if (response.ok) {
        const part = new DOMParser().parseFromString(await response.text(), "text/html").body;
        box.replaceChildren(...part.children);
        window.tallygate?.ready(box);
        if (!box.querySelector("[data-open]")) return;
      }
      await new Promise((done) => setTimeout(done, TAKEN_AGAIN_MS));
    }
  }
})();
