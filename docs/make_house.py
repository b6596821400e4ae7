"""Draw the wings of the house from the imports: `make house`.  A test holds the picture to the code.

A wing is a folder of `tinygrad_lite`, or a module that stands in none.  An arrow says "imports"; one that follows from
others (a -> b -> c) is left out.
"""

from __future__ import annotations

import ast
import html
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1] / "tinygrad_lite"
PICTURE = Path(__file__).parent / "pictures" / "house.svg"
BOX, GAP, LETTER = (34, 78), 18, 7.3  # height of a box and of a floor, space between boxes, width of a letter


def sources() -> dict[str, ast.Module]:
    """Each module of the package by its dotted name, "" for `tinygrad_lite` itself."""
    found = {}
    folders = [ROOT / "nn", ROOT / "datasets", *(p for p in ROOT.iterdir() if p.is_dir() and not p.is_symlink())]
    for folder in (ROOT, *sorted(folders)):  # one by one: rglob does not follow the symlinks on every Python
        for path in sorted(folder.glob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


SOURCES = sources()
PACKAGES = {name for name in SOURCES if (ROOT / name.replace(".", "/")).is_dir()}


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but what only type checkers see."""
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from statements(child)


def imported(module: str, tree: ast.AST) -> Iterator[str]:
    """The modules of the package that a module imports, as dotted names."""
    package = module.split(".") if module in PACKAGES else module.split(".")[:-1]
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from (a.name.partition(".")[2] for a in node.names if a.name.split(".")[0] == "tinygrad_lite")
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = [p for p in package if p][: len([p for p in package if p]) - node.level + 1]
            elif (node.module or "").split(".")[0] == "tinygrad_lite":
                base = []
            else:
                continue
            base += (node.module or "").removeprefix("tinygrad_lite").lstrip(".").split(".") if node.module else []
            name = ".".join(p for p in base if p)
            for alias in node.names:
                inner = f"{name}.{alias.name}".lstrip(".")
                if inner in SOURCES:
                    yield inner
                elif alias.name != "__version__":
                    yield name


def arrows() -> dict[str, set[str]]:
    """Each wing -> the other wings that it imports."""
    found: dict[str, set[str]] = {}
    for module, tree in SOURCES.items():
        if module:
            wing = module.split(".")[0]
            found.setdefault(wing, set()).update(i.split(".")[0] for i in imported(module, tree))
    return {wing: below - {wing, ""} for wing, below in found.items()}


def floors(below: dict[str, set[str]]) -> dict[str, int]:
    """How high each wing stands: one floor above the highest that it imports."""
    heights: dict[str, int] = {}

    def height(wing: str) -> int:
        if wing not in heights:
            heights[wing] = max((height(b) + 1 for b in below[wing]), default=0)
        return heights[wing]

    for wing in sorted(below):
        height(wing)
    return heights


def reachable(below: dict[str, set[str]], wing: str) -> set[str]:
    """All wings that a wing depends on."""
    return below[wing].union(*(reachable(below, b) for b in below[wing]))


def picture() -> str:
    """The wings on their floors, as SVG."""
    below = arrows()
    heights = floors(below)
    rooms = {w: sum(m.split(".")[0] == w and m not in PACKAGES for m in SOURCES) for w in below}
    labels = {w: f"{w}/ {rooms[w]}" if w in PACKAGES else f"{w}.py" for w in below}
    rows = [sorted(w for w in below if heights[w] == floor) for floor in range(max(heights.values()) + 1)]
    widths = {w: len(labels[w]) * LETTER + 20 for w in below}
    spans = [sum(widths[w] for w in row) + GAP * (len(row) - 1) for row in rows]
    width, height = max(spans) + 2 * GAP, BOX[1] * len(rows) + GAP
    places: dict[str, tuple[float, float]] = {}
    for floor, row in enumerate(rows):
        row.sort(key=lambda wing: sum(places[b][0] for b in below[wing]) / (len(below[wing]) or 1))
        x = (width - spans[floor]) / 2
        for wing in row:
            places[wing] = x + widths[wing] / 2, height - BOX[1] * floor - BOX[0] / 2 - GAP
            x += widths[wing] + GAP
    lines = [(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
             'font-family="ui-monospace, monospace" font-size="12">'),
             f"<title>{len(below)} wings on {len(rows)} floors; an arrow points to what is imported</title>",
             f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
             ('<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
             '<path d="M0 0L8 4L0 8z" fill="#7a8aa0"/></marker>')]
    for wing, others in below.items():
        for other in sorted(others - set().union(*(reachable(below, b) for b in others))):
            (x, y), (u, v) = places[wing], places[other]
            y, v = y + BOX[0] / 2, v - BOX[0] / 2
            lines.append(f'<path d="M{x:.0f} {y:.0f}C{x:.0f} {y + 24:.0f} {u:.0f} {v - 24:.0f} {u:.0f} {v:.0f}" '
                         'fill="none" stroke="#7a8aa0" marker-end="url(#tip)"/>')
    for wing, (x, y) in places.items():
        sentence = html.escape((ast.get_docstring(SOURCES[wing]) or "").split("\n")[0])
        fill = "#dbe7f5" if wing in PACKAGES else "#f1f3f6"
        lines += [(f'<g><title>{sentence}</title><rect x="{x - widths[wing] / 2:.0f}" y="{y - BOX[0] / 2:.0f}" '
                  f'width="{widths[wing]:.0f}" height="{BOX[0]}" rx="6" fill="{fill}" stroke="#7a8aa0"/>'
                  f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle" fill="#1b2430">{labels[wing]}</text></g>')]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    below = arrows()
    print(f"{len(below)} wings, {max(floors(below).values()) + 1} floors, {sum(map(len, below.values()))} arrows")
