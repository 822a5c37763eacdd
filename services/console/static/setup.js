// The probe of an endpoint, step by step as it goes, and what it finds put into the form.
"use strict";

(() => {
  const form = document.getElementById("setup");
  if (!form || !window.ReadableStream) return;
  const place = document.getElementById("probed");
  const [probe, setUp] = [form.elements.probe, form.elements.set_up];
  const found = document.getElementById("found"), said = document.getElementById("found-said");
  const MARKS = { true: ["✓", "ok"], false: ["✗", "bad"], null: ["?", "warn"] };

  form.addEventListener("submit", (event) => {
    if (event.submitter === probe) {
      event.preventDefault();
      run();
    } else {
      document.getElementById("setting-up").textContent = "It is asked for one real answer; this takes as long as the model does …";
      setTimeout(() => { setUp.disabled = true; }); // after the form is sent
    }
  });
  window.addEventListener("pageshow", () => { setUp.disabled = false; });

  // The id follows the name while nobody has written one.
  const id = form.elements.model_id;
  let isTheirs = id.value !== "";
  id.addEventListener("input", () => { isTheirs = id.value !== ""; });
  form.elements.model.addEventListener("input", suggest);
  function suggest() {
    if (!isTheirs) id.value = form.elements.model.value.split("/").pop().toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[-._]+|[-._]+$/g, "");
  }

  async function run() {
    probe.disabled = true;
    const list = element("ol", "", "steps");
    place.replaceChildren(list);
    try {
      const response = await fetch("/models/new/probe", {
        method: "POST", body: new URLSearchParams(new FormData(form)), headers: { accept: "application/x-ndjson" },
      });
      if (response.redirected) return location.reload(); // signed out meanwhile
      if (!response.ok) return problem(await response.json());
      let rest = "";
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) if (line) heard(JSON.parse(line), list);
      }
    } catch (error) {
      problem({ title: "The console does not answer", detail: String(error.message), tips: [] });
    } finally {
      probe.disabled = false;
    }
  }

  function heard(line, list) {
    if (line.step) {
      const [mark, tone] = MARKS[line.ok];
      const row = element("li");
      row.append(
        element("span", `${mark} ${line.step}`, `state ${tone}`),
        element("span", line.error ? line.error.title : line.detail),
        element("span", `${Math.round(line.duration_s * 1000)} ms`, "faint number"),
      );
      list.append(row);
      if (line.error) problem(line.error);
      return;
    }
    form.elements.provider.value = line.ok ? line.provider : form.elements.provider.value;
    found.replaceChildren(...line.models.map((model) => Object.assign(document.createElement("option"), { value: model.name })));
    const names = line.models.slice(0, 8).map((model) => model.name).join(", ");
    said.textContent = line.models.length ? `The endpoint lists ${line.models.length}: ${names}${line.models.length > 8 ? ", …" : ""}` : "";
    if (line.models.length === 1 && !form.elements.model.value) {
      form.elements.model.value = line.models[0].name;
      suggest();
    }
    if (line.ok) place.append(element("p", line.provider_assumed ? `It can be used. It speaks ${line.provider}, as far as can be seen.` : `It can be used, and speaks ${line.provider}.`, "hint"));
  }

  function problem(error) {
    const notice = element("div", "", "notice bad");
    notice.setAttribute("role", "alert");
    const title = element("p");
    title.append(element("strong", error.title || error.code || "That did not work"));
    const tips = element("ul");
    tips.append(...(error.tips || []).map((tip) => element("li", tip)));
    notice.append(title, element("p", error.detail || error.message || ""), tips);
    place.append(notice);
  }

  function element(name, text = "", className = "") {
    return Object.assign(document.createElement(name), { textContent: text, className });
  }
})();
