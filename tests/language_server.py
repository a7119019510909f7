"""A small client of a language server: what an editor does, over stdin and stdout.

The protocol: https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/
"""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class LanguageServer:
    """A running server, with documents that are opened by their path."""

    def __init__(self, command: Sequence[str], root: Path) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
        )
        self._numbers = itertools.count(1)
        self._diagnostics: dict[str, list[Any]] = {}
        self.request("initialize", processId=None, rootUri=root.as_uri(), capabilities={})
        self.notify("initialized")

    def __enter__(self) -> LanguageServer:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def open(self, path: Path, text: str) -> None:
        """Opens a document; the text need not be what the file holds."""
        document = {"uri": path.as_uri(), "languageId": "json", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)

    def at(self, method: str, path: Path, text: str, offset: int) -> Any:
        """Asks about a place of an open document: `hover`, `completion`."""
        before = text[:offset]
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        document = {"uri": path.as_uri()}
        return self.request(f"textDocument/{method}", textDocument=document, position=position)

    def diagnostics(self, path: Path) -> list[Any]:
        """What the server has to say about an open document, once it has checked it."""
        while path.as_uri() not in self._diagnostics:
            self._receive()
        return self._diagnostics.pop(path.as_uri())

    def request(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == number and "method" not in message:
                return message["result"]

    def notify(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if not length:
            raise EOFError(f"the language server ended: {self._process.poll()}")
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:  # the server asks; an editor knows nothing
            self._send({"id": message["id"], "result": None})
        return message
