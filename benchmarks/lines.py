"""How many lines of code each part has, beside its budget: `make lines`.

Comments, docstrings and blank lines are free. The budget is a guide and not a game: it asks for a second look, never
for a denser line.
"""

import ast
import functools
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]

# A wing takes the files below its folder; "Tensor, ..." those of tinygrad_lite that stand in no folder.
# docs/architecture.md says where the budgets come from.
WINGS: dict[str, tuple[int, str]] = {
    "engine": (1450, "tinygrad_lite/engine/"),
    "ops": (2350, "tinygrad_lite/ops/"),
    "compositions": (1250, "tinygrad_lite/compositions/"),
    "optim": (1030, "tinygrad_lite/optim/"),
    "explanation": (1920, "tinygrad_lite/explanation/"),
    "replay": (1080, "tinygrad_lite/replay/"),
    "testing": (830, "tinygrad_lite/testing/"),
    "app": (1100, "tinygrad_lite/app/"),
    "Tensor, and what users call": (2400, "tinygrad_lite/"),
    "nn": (3370, "nn/"),
    "datasets": (1090, "datasets/"),
}
IGNORED_TOKENS = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


@functools.cache
def code_lines(source: str) -> int:
    """Lines that carry code.

    >>> code_lines('''
    ... def f(x):
    ...     "A docstring."
    ...     # A comment.
    ...
    ...     return x
    ... ''')
    2
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in IGNORED_TOKENS:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    text = source.splitlines()
    return sum(1 for number in lines if text[number - 1].strip())


def sizes(folder: str) -> dict[str, int]:
    """Code lines of each module below a folder. Symlinks are not followed: nn and datasets count once."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): code_lines(path.read_text("utf-8")) for path in paths}


def row(name: str, size: int, budget: int = 0) -> str:
    return f"{name:38} {size:6,}" + (f" of {budget:5,} {size / budget:5.0%}" if budget else "")


def table() -> str:
    """The size table, as text."""
    remaining = {path: size for folder in ("tinygrad_lite", "nn", "datasets") for path, size in sizes(folder).items()}
    rows, total, budgets = [], 0, 0
    for wing, (budget, folder) in WINGS.items():
        members = {path: remaining.pop(path) for path in list(remaining) if path.startswith(folder)}
        size = sum(members.values())
        total, budgets = total + size, budgets + budget
        rows += [row(wing, size, budget), *(row(f"  {path}", lines) for path, lines in members.items()), ""]
    rows += [row("the library", total, budgets), ""]
    rows += [row(folder, sum(sizes(folder).values())) for folder in ("tests", "benchmarks")]
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
