"""How long an op is: its lines of code."""

import ast
import inspect
import io
import tokenize
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

_NO_CODE = (
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    tokenize.ENDMARKER,
)


def code_lines(function: Callable[..., Any]) -> int:
    """Lines with code of a function and of those of its own package that it names, decorators too.

    Docstrings, comments and blank lines don't count, nor do tables of constants.
    """
    return sum(map(_lines, _with_helpers(function, {})))


def _with_helpers(function: Any, seen: dict[Any, None]) -> Sequence[Any]:
    seen[function] = None
    package = function.__module__.partition(".")[0]
    names = {n.id for n in ast.walk(_tree(function)) if isinstance(n, ast.Name)}
    for name in sorted(names):
        helper = function.__globals__.get(name)
        ours = isinstance(helper, FunctionType) and helper.__name__ != "<lambda>"
        if ours and helper.__module__.partition(".")[0] == package and helper not in seen:
            _with_helpers(helper, seen)
    return list(seen)


def _tree(function: Any) -> ast.Module:
    return ast.parse(_source(function))


def _source(function: Any) -> str:
    return inspect.cleandoc("\n" + inspect.getsource(function))


def _lines(function: Any) -> int:
    source = _source(function)
    docs = {line for node in ast.walk(ast.parse(source)) for line in _doc_lines(node)}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    used = (range(t.start[0], t.end[0] + 1) for t in tokens if t.type not in _NO_CODE)
    return len({line for lines in used for line in lines} - docs)


def _doc_lines(node: ast.AST) -> Iterator[int]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
        yield from range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
