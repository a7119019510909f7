"""How the page looks: the style sheet, and light or dark."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from nicegui import ui

from augreg.studio.elements.controls import icon, named

COOKIE = "augreg-theme"
# What comes next, the picture of the button, its name.
_THEMES: dict[str, tuple[str, str, str, bool | None]] = {
    "auto": ("light", "brightness_auto", "Theme: as the system", None),
    "light": ("dark", "light_mode", "Theme: light", False),
    "dark": ("auto", "dark_mode", "Theme: dark", True),
}
_YEAR = 365 * 24 * 3600


@cache
def _sheet() -> str:
    sheets = (Path(__file__).with_name(name) for name in ("studio.css", "policy.css", "panels.css"))
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def styled() -> None:
    """Gives the page its style."""
    ui.add_css(_sheet())


def theme_button() -> None:
    """A button that goes from the system's theme to light to dark; a cookie keeps the choice."""
    chosen = ui.context.client.request.cookies.get(COOKIE, "auto")
    state = {"theme": chosen if chosen in _THEMES else "auto"}
    mode = ui.dark_mode(_THEMES[state["theme"]][3])

    def follow() -> None:
        _, picture, name, dark = _THEMES[state["theme"]]
        mode.set_value(dark)
        button.set_icon(picture)
        named(button, name)

    def turn() -> None:
        state["theme"] = _THEMES[state["theme"]][0]
        follow()
        kept = f"{COOKIE}={state['theme']}; path=/; max-age={_YEAR}; samesite=strict"
        ui.run_javascript(f"document.cookie = {kept!r}")

    button = icon("Theme", "brightness_auto", turn)
    follow()
