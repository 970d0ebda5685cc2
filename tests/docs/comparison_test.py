"""docs/comparison.md, and tests/socketio/README.md, claim nothing without a proof that is there.

Each cell of naru links to a file of the tree, or says "no" with a reason; the title of a link stands in that file, word for word; what
is "not yet" is in the one section for it, and nothing else is.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs/comparison.md", ROOT / "tests/socketio/README.md"]
LINK = re.compile(r'\]\(([^)\s]+)(?: "([^"]+)")?\)')
BEGIN, END = "<!-- not yet: begin -->", "<!-- not yet: end -->"


def check_cell(page, cell):
    links = LINK.findall(cell)
    if not links and not re.search(r"\bno\b.*: ", cell):
        yield "no link, and no reason"
    for path, title in links:
        file = (page.parent / path).resolve()
        if not file.is_file():
            yield f"{path} is not there"
        elif title and title not in file.read_text(encoding="utf-8"):
            yield f"{path} does not have {title!r}"


def check_names(line, declared):
    for name in re.findall(r"\b(?:naru|NARU)_\w+", line):
        if not re.search(rf"\b{name}\b", declared):
            yield f"{name} is in no public header"


def check_page(page, declared):
    """Its complaints, how many rows it has, and how many of them are not yet."""
    complaints = []
    columns = rows = missing = 0
    later = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{page.relative_to(ROOT)}:{number}"
        complaints += [f"{where}: {text}" for text in check_names(line, declared)]
        later = line == BEGIN or later and line != END
        if not line.startswith("|"):
            columns = 0
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if columns and len(cells) != columns:
            complaints.append(f"{where}: {len(cells)} cells, {columns} columns")
        if not columns or set(line) <= set("|-"):
            columns = len(cells)
            continue
        rows += 1
        missing += later
        if later != (cells[1] == "not yet"):
            complaints.append(f"{where}: what is not yet, and only that, stands between the marks")
        elif not later:
            complaints += [f"{where}: {text}" for text in check_cell(page, cells[1])]
        complaints += [f"{where}: an empty cell" for cell in cells if not cell]
    if not rows:
        complaints.append(f"{page.relative_to(ROOT)}: no rows")
    return complaints, rows, missing


def main():
    declared = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "include/naru").rglob("*.h"))
    failed = False
    for page in PAGES:
        complaints, rows, missing = check_page(page, declared)
        failed = failed or bool(complaints)
        print(*complaints, sep="\n", end="\n" if complaints else "")
        print(f"{page.relative_to(ROOT)}: {rows} rows, {missing} of them not yet, {len(complaints)} complaints")
    return 1 if failed else 0


sys.exit(main())
