// Keys of the whole page: they press the buttons that do the same. A field of text undoes by itself.
(buttons) => {
  if (window.augregKeys) return; // the page only came back
  window.augregKeys = true;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || !(event.ctrlKey || event.metaKey)) return;
    const key = event.key.toLowerCase();
    const name = { s: "save", y: "redo", z: event.shiftKey ? "redo" : "undo" }[key];
    const typing = event.target.closest("input:not([type=range]), textarea, [contenteditable]");
    if (!name || (name !== "save" && typing)) return;
    event.preventDefault();
    getHtmlElement(buttons[name]).click();
  });
}
