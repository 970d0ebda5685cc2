"""The manual pages that the build made: free of mandoc's and groff's complaints, complete, and installed where man looks.

Complete: every function that a public header declares stands in the page of its header with its arguments, and every
comment's words do; `man FUNCTION` finds it; libnaru.so has it; and the pages tell of none that it does not have.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ["NARU_SOURCE_DIR"])
BUILD = Path(os.environ["NARU_BUILD_DIR"])
HEADERS = sorted(path for path in (SOURCE / "include/naru").glob("*.h") if path.name != "naru.h")
ADAPTERS = sorted((SOURCE / "include/naru/adapters").glob("*.h"))
complaints = []


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def installed(prefix):
    done = run("cmake", "--install", str(BUILD), "--prefix", str(prefix))
    if done.returncode != 0:
        sys.exit(f"cmake --install: {done.stderr}")
    return prefix / "share/man"


def lint(page):
    """mandoc's warnings, but not its wish for lines of 80 bytes, and all of groff's."""
    said = run("mandoc", "-Tlint", "-Wwarning", str(page)).stdout
    said += run("groff", "-ww", "-mandoc", "-Tutf8", "-P-c", str(page)).stderr
    if said:
        complaints.append(f"{page.name}: {said.strip()}")


def shown(page):
    """The page as it is read, on one line."""
    text = run("mandoc", "-Tutf8", "-Owidth=200", str(page)).stdout
    return re.sub(r"\s+", " ", re.sub(r".\x08", "", text))


def declared(header):
    source = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    source = re.sub(r"^\s*#(?:.*\\\n)*.*$", "", source, flags=re.MULTILINE)
    return {match.group(1): " ".join(match.group(2).split())
            for match in re.finditer(r"\bNARU_API\b[^;(]*?\b(naru_\w+)\s*(\((?:[^()]|\([^()]*\))*\))\s*;", source)}


def exported():
    said = run("nm", "-D", "--defined-only", "-P", str(BUILD / "libnaru.so")).stdout
    return {line.split()[0].split("@")[0] for line in said.splitlines() if line.split()[1] != "A"}


def words_of_comments(header):
    """Every word of the comments but the sections' lines."""
    for comment in re.findall(r"/\*(.*?)\*/", header.read_text(encoding="utf-8"), re.DOTALL):
        if "----" not in comment:
            yield re.sub(r"\n\s*\*|^\s*<naru/\w+\.h>:", "\n", comment).split()


LABELS = "shapes lifetime errors thread rules source cost".split()


def check_page(header, man, exports):
    page = man / f"man3/naru_{header.stem}.3"
    lint(page)
    text = shown(page)
    functions = declared(header)
    if not functions:
        complaints.append(f"{header.name}: no function was found in it")
    for name, arguments in functions.items():
        if name + arguments not in text:
            complaints.append(f"{page.name}: does not show {name}{arguments}")
        if name not in exports:
            complaints.append(f"{header.name}: {name} is not in libnaru.so")
        if f"naru_{header.stem} " not in shown(man / f"man3/{name}.3"):
            complaints.append(f"man {name}: does not lead to {page.name}")
    lower = text.lower()
    for words in words_of_comments(header):
        for word in words:
            if word not in LABELS and word.lower() not in lower:
                complaints.append(f"{page.name}: has lost the word {word!r} of a comment")
    return functions


def check_adapter(header, man):
    """Its functions are inline: they are in no library, but they have their page."""
    page = man / f"man3/naru_{header.stem}.3"
    lint(page)
    inline = re.findall(r"^static inline [^;{(]*?(naru_\w+)\(", header.read_text(encoding="utf-8"), re.MULTILINE)
    functions = [name for name in inline if "__" not in name]
    if not functions:
        complaints.append(f"{header.name}: no function was found in it")
    for name in functions:
        if f"{name}(" not in shown(page).replace(" (", "(") or f"naru_{header.stem} " not in shown(man / f"man3/{name}.3"):
            complaints.append(f"man {name}: does not lead to {page.name}")
    return functions


def main():
    for tool in ("mandoc", "groff", "man"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        man = installed(Path(scratch))
        exports = exported()
        told = set()
        os.chdir(man)  # what `.so man3/...` counts from
        for header in HEADERS:
            told |= check_page(header, man, exports).keys()
        alongside = {name for header in ADAPTERS for name in check_adapter(header, man)}
        alongside |= {f"naru_{header.stem}" for header in ADAPTERS}
        complaints.extend(f"libnaru.so has {name}, and no page tells of it" for name in sorted(exports - told))
        for page in (man / "man3").glob("*.3"):
            if page.stem not in told | alongside and page.stem != "libnaru" and page.stem[5:] not in [h.stem for h in HEADERS]:
                complaints.append(f"{page.name}: a page of nothing")
        lint(man / "man3/libnaru.3")
        overview = shown(man / "man3/libnaru.3")
        complaints.extend(f"libnaru.3: does not name naru_{h.stem}(3)" for h in HEADERS + ADAPTERS
                          if f"naru_{h.stem}(3)" not in overview)
        for topic in ("naru_conn_send", "naru_ws", "libnaru"):
            if run("man", "-w", "-M", str(man), "3", topic).returncode != 0:
                complaints.append(f"man 3 {topic}: finds nothing")
        complaints.extend(filter(None, [run("groff", "-ww", "-mandoc", "-Tutf8", str(man / "man1/naru.1")).stderr]))
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"{len(told)} functions in {len(HEADERS)} pages, {len(complaints)} complaints")
    return 1 if complaints else 0


sys.exit(main())
