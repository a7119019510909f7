"""What a page does while its studio is gone: it says so, takes no input, and waits.

NiceGUI's script asks for the studio again and again, and loads the page anew once it is there. Its
address says what was written and looked at, but not what one would type meanwhile.
"""

from __future__ import annotations

from nicegui import ui

_GONE = (
    "The studio has stopped, or can't be reached. "
    "Start it again with the same command: this page will go on where it was."
)
# A module runs once the page is complete. `popup` is NiceGUI's, and hidden but for this message.
_SCRIPT = f"""
<script type="module">
  const popup = document.getElementById("popup");
  popup.role = "alert";
  popup.replaceChildren("{_GONE}");
  new MutationObserver(() => {{
    const gone = popup.ariaHidden === "false";
    document.getElementById("app").inert = gone;
    if (gone) window.onbeforeunload = null;  // the address has the text: it need not ask
    window.socket.io.reconnectionDelayMax(1000);  // in milliseconds: it is this machine's
  }}).observe(popup, {{ attributeFilter: ["aria-hidden"] }});
</script>
"""


def watch_connection() -> None:
    """Adds this to the page that is being built."""
    ui.add_body_html(_SCRIPT)
