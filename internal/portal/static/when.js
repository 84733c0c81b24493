// Moves a page through the days: the slider shows another one without a reload.
"use strict";

(() => {
  const form = document.querySelector("form[data-when]");
  if (!form) return;
  const { day, slide } = form.elements;
  const words = form.querySelector("output");
  const dayLong = 24 * 60 * 60 * 1000; // milliseconds
  const settled = 250;
  const names = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  let wait = 0, busy = false, again = false;

  const dateOf = (n) => new Date(n * dayLong).toISOString().slice(0, 10);
  const say = () => {
    const part = Object.fromEntries(names.formatToParts(new Date(slide.value * dayLong)).map((p) => [p.type, p.value]));
    words.textContent = `${part.weekday} ${part.day} ${part.month} ${part.year}`;
    slide.setAttribute("aria-valuetext", words.textContent);
  };

  // go shows the day, one after the other: what comes last is what the slider says.
  const go = async () => {
    clearTimeout(wait);
    again = busy;
    if (busy) return;
    busy = true;
    const q = new URLSearchParams(new FormData(form));
    q.delete("slide");
    q.delete("shown");
    const to = `${form.getAttribute("action")}?${q}`;
    const answer = await fetch(to, { headers: { "HX-Request": "true" } }).catch(() => null);
    const found = answer?.ok ? [...new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll("[id^=live]")] : [];
    busy = false;
    if (found.length === 0) { location.href = to; return; }
    if (again) { go(); return; }
    for (const part of found) {
      document.getElementById(part.id)?.replaceWith(part);
      htmx.process(part);
    }
    history.pushState({ day: day.value }, "", to);
  };

  slide.addEventListener("input", () => {
    day.value = dateOf(slide.value);
    say();
    clearTimeout(wait);
    wait = setTimeout(go, settled);
  });
  form.addEventListener("submit", (event) => {
    const typed = Date.parse(day.value);
    if (Number.isNaN(typed)) return; // the console says what is wrong
    event.preventDefault();
    slide.min = Math.min(slide.min, typed / dayLong);
    slide.value = typed / dayLong;
    say();
    go();
  });
  addEventListener("popstate", () => location.reload());
  addEventListener("pageshow", () => { slide.value = slide.defaultValue; day.value = day.defaultValue; say(); }); // browsers fill in what was there before
})();
