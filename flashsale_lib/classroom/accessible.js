/* Gives ipywidgets what they lack for keyboards and screen readers: names and spoken values for sliders, a text for the
   picture, a state for buttons that stay pressed, a fold that opens by key, a place in the tab order for a picture wider
   than the page. Runs once per widget tree; `root` is its outermost element. */
(root) => {
  const all = (selector) => root.querySelectorAll(selector);
  const words = (element) => (element ? element.textContent.trim() : "");
  const set = (element, values) => {
    for (const [name, value] of Object.entries(values)) {
      if (element && element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
    }
  };

  /* Notebooks take arrow keys for themselves, even from where they mean something, unless told otherwise. */
  const ownKeys = { "data-lm-suppress-shortcuts": "true" };

  const nameSlider = (slider) => {
    const readout = slider.querySelector(".widget-readout"), label = words(slider.querySelector(".widget-label"));
    for (const handle of slider.querySelectorAll(".noUi-handle")) {
      const resting = handle.closest("[disabled]") !== null;
      set(handle, { "aria-label": label, "aria-valuetext": words(readout), "aria-disabled": resting, ...ownKeys });
    }
    /* Into the read-out of a slider over numbers one can type; that of a slider over words only looks as if one could. */
    if (slider.classList.contains("jupyter-widgets")) {
      set(readout, { role: "textbox", "aria-label": `${label}, typed` });
    } else {
      set(readout, { tabindex: "-1" });
    }
  };

  const nameFold = (fold) => {
    const header = fold.querySelector(".jupyter-widget-Collapse-header");
    set(header, { role: "button", tabindex: "0", "aria-expanded": fold.classList.contains("jupyter-widget-Collapse-open") });
    header.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        header.click();
      }
    };
  };

  const name = () => {
    all(".widget-slider").forEach(nameSlider);
    all(".jupyter-widget-Collapse").forEach(nameFold);
    for (const input of all("input, select")) set(input, ownKeys);
    for (const button of all(".widget-toggle-button")) {
      /* Play turns into Pause: its state is in its name. */
      if (!button.querySelector(".fa-play, .fa-pause")) set(button, { "aria-pressed": button.classList.contains("mod-active") });
    }
    for (const bar of all(".widget-hprogress .progress")) {
      const part = Math.round(parseFloat(bar.firstElementChild.style.width) || 0);
      set(bar, { role: "progressbar", "aria-label": "progress", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": part });
    }
    for (const picture of all("img.widget-image")) {
      set(picture, { alt: words(picture.closest(".flashsale").querySelector(".flashsale-reading")) });
    }
    for (const frame of all(".flashsale-picture")) {
      set(frame, { role: "group", "aria-label": "picture", ...ownKeys });
      for (const element of [frame, ...frame.children]) {
        if (!sized.has(element)) sizes.observe(element);
        sized.add(element);
      }
    }
  };
  const sized = new WeakSet(), sizes = new ResizeObserver((entries) => {
    for (const frame of new Set(entries.map((entry) => entry.target.closest(".flashsale-picture")))) {
      set(frame, { tabindex: frame.scrollWidth > frame.clientWidth ? "0" : "-1" });
    }
  });

  name();
  new MutationObserver(name).observe(root, {
    subtree: true, childList: true, characterData: true, attributes: true,
    attributeFilter: ["aria-valuetext", "class", "disabled"],
  });
}
