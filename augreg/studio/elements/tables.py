"""Tables as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def cells(*texts: str) -> str:
    """The cells of a row, or of a part of one."""
    return "".join(f"<td>{escape(text)}</td>" for text in texts)


def table_of(heads: Iterable[str], rows: Iterable[str], foot: str = "") -> str:
    """A table of column heads, of rows of cells, and of a row at the end, if there is one."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    end = f"<tfoot><tr>{foot}</tr></tfoot>" if foot else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>{end}</table>"
