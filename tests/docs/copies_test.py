"""A code block behind a line that is only a link to a file, such as [examples/echo.c](../examples/echo.c), is that file.

Every example stands in examples/README.md, and nothing else does.

    copies_test.py            complains of each that is not, and of a page without any
    copies_test.py --write    makes them so
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Each page, and the test that runs its programs.
PAGES = {"docs/from-ws-to-naru.md": "tests/docs/guide_test.mjs",
         "docs/from-socket-io-to-naru.md": "tests/socketio/examples_test.mjs"}
BLOCK = re.compile(r"^(\[`?[^\]`]+`?\]\((?P<path>[^)]+)\)\n\n```(?P<language>\w+)\n)(?P<code>.*?)^```$", re.M | re.S)
PROGRAM = re.compile(r"^```(?:c|js)\n", re.M)


def filled(page):
    """The page with its blocks as the files are, and how many there are."""
    blocks = list(BLOCK.finditer(page.read_text(encoding="utf-8")))

    def block(match):
        code = (page.parent / match["path"]).read_text(encoding="utf-8")
        return f"{match.group(1)}{code}```"

    return BLOCK.sub(block, page.read_text(encoding="utf-8")), blocks


def check(page, test):
    text = page.read_text(encoding="utf-8")
    wanted, blocks = filled(page)
    if not blocks:
        yield f"{page.name}: has no code block behind a link to a file"
    if len(PROGRAM.findall(text)) != len(blocks):
        yield f"{page.name}: {len(PROGRAM.findall(text))} programs, {len(blocks)} of them copies of a file"
    if text != wanted:
        for number, (is_line, be_line) in enumerate(zip(text.split("\n"), wanted.split("\n")), 1):
            if is_line != be_line:
                yield f"{page.name}:{number}: is {is_line!r}, in the file {be_line!r}; run {Path(__file__).name} --write"
                break
    tested = (ROOT / test).read_text(encoding="utf-8")
    for match in blocks:
        name = Path(match["path"]).stem
        if not re.search(rf"^  async {name}\(", tested, re.M):
            yield f"{page.name}: {match['path']} is not run by {test}"


def check_index():
    page = ROOT / "examples/README.md"
    listed = re.findall(r"^\| \[(\w+\.c)\]\(\1\) \| \S", page.read_text(encoding="utf-8"), re.M)
    there = {path.name for path in page.parent.glob("*.c")}
    yield from (f"examples/README.md: does not tell of {name}" for name in sorted(there - set(listed)))
    yield from (f"examples/README.md: {name} is not there" for name in sorted(set(listed) - there))
    yield from (f"examples/README.md: {name} is told of twice" for name in sorted({n for n in listed if listed.count(n) > 1}))


def main():
    if "--write" in sys.argv[1:]:
        for page in (ROOT / name for name in PAGES):
            page.write_text(filled(page)[0], encoding="utf-8")
    complaints = [complaint for page, test in PAGES.items() for complaint in check(ROOT / page, test)]
    complaints += check_index()
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


sys.exit(main())
