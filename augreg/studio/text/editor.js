// Adds to an editor what NiceGUI's lacks: completion, explanations, a name, a dark theme, and marks
// that come without the text, which would undo what was typed meanwhile.
// Positions go to the server and back as CodeMirror counts them, in UTF-16 code units.
async (id, name) => {
  const CM = await import("nicegui-codemirror");
  const component = getElement(id);
  const view = await component.editorPromise;
  if (component.answers) return; // the page only came back
  component.answers = new Map();
  let asked = 0;

  const ask = (about, position) =>
    new Promise((resolve) => {
      component.answers.set(++asked, resolve);
      component.$emit("ask", { number: asked, about, position });
    });
  component.answer = (number, reply) => {
    component.answers.get(number)?.(reply);
    component.answers.delete(number);
  };

  const complete = async (context) => {
    const typed = context.matchBefore(/["\w/]+/);
    if (!typed && !context.explicit) return null;
    const reply = await ask("complete", context.pos);
    return reply && !context.aborted ? { ...reply, filter: false } : null;
  };
  const explain = CM.hoverTooltip(async (_, position) => {
    const reply = await ask("explain", position);
    if (!reply) return null;
    const create = () => {
      const dom = document.createElement("div");
      dom.className = "explanation";
      for (const [className, text] of reply.paragraphs) {
        const paragraph = dom.appendChild(document.createElement("p"));
        paragraph.className = className;
        paragraph.textContent = text;
      }
      return { dom };
    };
    return { pos: reply.from, end: reply.to, above: true, create };
  });
  const setMarks = CM.StateEffect.define();
  const marks = CM.StateField.define({
    create: () => CM.Decoration.none,
    update(set, transaction) {
      for (const effect of transaction.effects)
        if (effect.is(setMarks)) return CM.Decoration.set(effect.value, true);
      return set.map(transaction.changes);
    },
    provide: (field) => CM.EditorView.decorations.from(field),
  });
  component.mark = (length, spans) => {
    const doc = view.state.doc;
    if (doc.length !== length) return; // typed on meanwhile: the next marks are on their way
    const lines = new Set(spans.map(([from]) => doc.lineAt(from).from));
    const line = CM.Decoration.line({ class: "cm-mistaken" });
    const span = CM.Decoration.mark({ class: "cm-mistake" });
    const found = spans.filter(([from, to]) => from < to).map(([from, to]) => span.range(from, to));
    view.dispatch({ effects: setMarks.of([...[...lines].map((at) => line.range(at)), ...found]) });
  };
  view.dispatch({
    effects: CM.StateEffect.appendConfig.of([
      marks,
      CM.EditorState.languageData.of(() => [{ autocomplete: complete }]),
      explain,
      CM.EditorView.contentAttributes.of({ "aria-label": name }),
    ]),
  });

  component.seek = (position) => {
    view.dispatch({ selection: { anchor: position }, scrollIntoView: true });
    view.focus();
  };

  const paint = () =>
    component.setTheme(document.body.classList.contains("body--dark") ? "basicDark" : "basicLight");
  new MutationObserver(paint).observe(document.body, { attributeFilter: ["class"] });
  paint();
  component.$emit("ready");
}
