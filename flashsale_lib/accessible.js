/* Gives ipywidgets what they lack for screen readers: names and spoken values for sliders, a text for the picture, a name
   and keyboard access for a picture wider than the page. Runs once per widget tree; `root` is its outermost element. */
(root) => {
  const set = (element, name, value) => {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const words = (element) => (element ? element.textContent.trim() : "");
  const name = () => {
    for (const slider of root.querySelectorAll(".widget-slider")) {
      const handle = slider.querySelector(".noUi-handle");
      set(handle, "aria-label", words(slider.querySelector(".widget-label")));
      set(handle, "aria-valuetext", words(slider.querySelector(".widget-readout")));
    }
    for (const play of root.querySelectorAll(".widget-play button")) {
      set(play, "aria-label", play.title || "play");
    }
    for (const picture of root.querySelectorAll("img.widget-image")) {
      set(picture, "alt", words(root.querySelector(".flashsale-reading")));
    }
    for (const scrolled of root.querySelectorAll(".flashsale-picture")) {
      set(scrolled, "role", "group");
      set(scrolled, "aria-label", "picture");
      set(scrolled, "tabindex", scrolled.scrollWidth > scrolled.clientWidth ? "0" : "-1");
    }
  };
  name();
  new MutationObserver(name).observe(root, {
    subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["aria-valuetext", "title"],
  });
}
