"""The habits of the house, as checks: house.py RULE [--source DIR] [--build DIR].

Each rule is a function that yields complaints, "file:line: what is wrong"; no complaint is a pass. Nothing is changed.
planted.py proves that every rule can fail.
"""

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# What a dry room may include beside naru's own: language, not operating system.
DRY_HEADERS = {
    "assert.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "string.h",
    "stdatomic.h", "emmintrin.h", "immintrin.h", "arm_neon.h",
}
# Files that may include more: the default allocator is malloc, and deflate is zlib's.
DRY_EXCEPTIONS = {"stdlib.h": "src/base/allocator.c", "zlib.h": "src/ws/deflate*"}
# A public header may be included by any C or C++ program, so it stands on the language alone.
PUBLIC_HEADERS = {"inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h"}

C_DIRECTORIES = ("include", "src", "apps", "examples", "tests", "fuzz", "bench")
TEXT_SUFFIXES = {".c", ".h", ".py", ".sh", ".js", ".mjs", ".html", ".css", ".cmake", ".map", ".in"}
SKIPPED_DIRECTORIES = {"build", "node_modules", ".git", "corpus", "__pycache__"}

BANNED = {
    "strcpy": "naru_span and naru_buf carry their size", "strcat": "naru_buf_append",
    "strncpy": "memcpy with a checked size", "strncat": "naru_buf_append",
    "stpcpy": "memcpy with a checked size", "sprintf": "snprintf", "vsprintf": "vsnprintf",
    "strtok": "a cursor over a span", "strtok_r": "a cursor over a span", "gets": "fgets", "atoi": "strtol with checks",
    "atol": "strtol with checks", "atoll": "strtoll with checks", "atof": "strtod with checks", "sscanf": "a parser",
    "scanf": "a parser", "alloca": "a fixed array", "tmpnam": "mkstemp", "mktemp": "mkstemp",
    "system": "posix_spawn", "popen": "posix_spawn",
    "gethostbyname": "c-ares", "inet_ntoa": "inet_ntop", "inet_addr": "inet_pton", "localtime": "localtime_r",
    "gmtime": "gmtime_r", "asctime": "strftime", "ctime": "strftime", "signal": "sigaction",
}
# Functions that a program may call and a library may not.
BANNED_IN_LIBRARY = {
    "printf": "the log hook", "fprintf": "the log hook", "puts": "the log hook", "perror": "the log hook",
    "putchar": "the log hook", "exit": "a status", "abort": "a status", "getenv": "an option", "setlocale": "nothing",
    "rand": "naru_entropy", "srand": "naru_entropy", "random": "naru_entropy",
}
# signal() is for the whole process, which a program owns; a test reads only what another part of it has written.
ALLOWED_IN_PROGRAMS = {"signal"}
ALLOWED_IN_TESTS = {"signal", "sscanf", "strtok_r"}


def files(root, directories, suffixes):
    for directory in directories:
        for parent, names, entries in os.walk(root / directory):
            names[:] = sorted(name for name in names if name not in SKIPPED_DIRECTORIES)
            for entry in sorted(entries):
                path = Path(parent, entry)
                if path.suffix in suffixes or entry == "CMakeLists.txt" and ".cmake" in suffixes:
                    yield path


def c_files(root, *directories):
    return files(root, directories, {".c", ".h"})


def text(path):
    """The file's text; a file that is missing is empty, and the rule that needs it complains."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def without_comments(source, strings_too=False):
    """The same lines with comments (and the insides of strings) blanked."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token[0] * 2 if strings_too else token
        return re.sub(r"[^\n]", " ", token)

    return re.sub(pattern, blank, source, flags=re.DOTALL)


def includes(path):
    """(line number, opening character, name) of each #include."""
    for number, line in enumerate(without_comments(text(path)).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1), match.group(2)


# ---- layers ----------------------------------------------------------------------------------------------------------


def read_layers(root):
    rooms = {}
    for line in text(root / "src/LAYERS").splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, _, allowed = line.partition(":")
            rooms[name.strip()] = set(allowed.split())
    return rooms


def dry_rooms(root):
    dry = set()
    for path in (root / "src").glob("*/CMakeLists.txt"):
        dry.update(re.findall(r"naru_room\(\s*(\w+)\s+DRY\b", text(path)))
    return dry


def public_room(name, rooms):
    """The room that a public header tells about: <naru/ws.h> and <naru/ws_close.h> are ws's."""
    stem = name.removesuffix(".h")
    return stem if stem in rooms else stem.split("_")[0] if stem.split("_")[0] in rooms else None


def check_room_file(root, path, room, rooms, dry):
    allowed = rooms[room] | {room}
    where = path.relative_to(root)
    for number, mark, name in includes(path):
        if mark == '"':
            target = name.split("/")[0] if "/" in name else room
            if target not in rooms or not (root / "src" / target / name.removeprefix(target + "/")).is_file():
                yield f'{where}:{number}: "{name}" is not a room\'s file; write "room/file.h", or "file.h" at home'
            elif target not in allowed:
                yield f"{where}:{number}: {room} may not include {target} (src/LAYERS)"
            continue
        if name.startswith("naru/"):
            target = public_room(name[5:], rooms)
            if target and target not in allowed:
                yield f"{where}:{number}: {room} may not include <{name}> (src/LAYERS)"
            if name == "naru/naru.h":
                yield f"{where}:{number}: the umbrella is for users; include what is needed"
            if room in dry and target not in dry and name != "naru/version.h":
                yield f"{where}:{number}: {room} is dry and <{name}> is not"
            continue
        if room in dry and name not in DRY_HEADERS and not fnmatch.fnmatch(str(where), DRY_EXCEPTIONS.get(name, "")):
            yield f"{where}:{number}: <{name}> in a dry room"


def check_public_header(root, path, rooms):
    where = path.relative_to(root)
    room = public_room(path.name, rooms)
    for number, mark, name in includes(path):
        if mark == '"' or not (name.startswith("naru/") or name in PUBLIC_HEADERS or is_adapter(path)):
            yield f"{where}:{number}: a public header includes only <naru/...> and the language's headers, not {name}"
        target = public_room(name.removeprefix("naru/"), rooms) if name.startswith("naru/") else None
        if room and target and target not in rooms[room] | {room}:
            yield f"{where}:{number}: {room} may not include {target} (src/LAYERS)"


def check_user_file(root, path, home):
    """A program stands where naru's users stand: its own files, <naru/...>, and what the machine offers."""
    where = path.relative_to(root)
    for number, mark, name in includes(path):
        if mark == '"' and (".." in name or not ((path.parent / name).is_file() or (home / name).is_file())):
            yield f'{where}:{number}: "{name}" is not this program\'s; only <naru/...> is public'
        if mark == "<" and name.startswith("naru/") and not (root / "include" / name).is_file():
            yield f"{where}:{number}: <{name}> is not public"


def layers(root, build):
    """Every room includes only what src/LAYERS lets it; programs include only public headers."""
    rooms = read_layers(root)
    dry = dry_rooms(root)
    for room, allowed in rooms.items():
        for unknown in sorted(allowed - rooms.keys()):
            yield f"src/LAYERS: {room} names {unknown}, which is no room"
        for wet in sorted(allowed - dry if room in dry else ()):
            yield f"src/LAYERS: {room} is dry and may not stand on {wet}"
    for path in c_files(root, "src"):
        room = path.relative_to(root / "src").parts[0]
        if room not in rooms:
            yield f"{path.relative_to(root)}: src/LAYERS has no room {room}"
        else:
            yield from check_room_file(root, path, room, rooms, dry)
    for path in c_files(root, "include"):
        yield from check_public_header(root, path, rooms)
    for path in c_files(root, "apps", "examples", "tests/fixtures", "tests/packaging"):
        parts = path.relative_to(root).parts
        yield from check_user_file(root, path, root.joinpath(*parts[:2]) if len(parts) > 2 else path.parent)


# ---- symbols and exports ---------------------------------------------------------------------------------------------


def nm(*arguments):
    return subprocess.run(["nm", *map(str, arguments)], check=True, capture_output=True, text=True).stdout.splitlines()


def read_symbol_rules(path):
    rules = []
    for line in text(path).splitlines():
        words = line.split("#")[0].split()
        if words:
            rules.append((words[0], words[1] if len(words) > 1 else "*"))
    return rules


def symbols(root, build):
    """libnaru_dry.a calls nothing outside itself but what tests/house/dry-symbols.txt lists."""
    rules = read_symbol_rules(root / "tests/house/dry-symbols.txt")
    archive = build / "libnaru_dry.a"
    defined, wanted = set(), set()
    for line in nm("-A", "-P", archive):
        match = re.match(r".*\[(?P<object>[^\]]+)\]: (?P<name>\S+) (?P<kind>\S)", line)
        if not match:
            continue
        if match["kind"] in "Uw":
            wanted.add((match["name"], match["object"]))
        elif match["kind"].isupper():
            defined.add(match["name"])
    if not defined:
        yield f"{archive}: defines nothing"
    for name, member in sorted(wanted):
        ruled = any(fnmatch.fnmatchcase(name, symbol) and fnmatch.fnmatch(member, where) for symbol, where in rules)
        if name not in defined and not ruled:
            yield f"libnaru_dry.a({member}): calls {name}, which is not in tests/house/dry-symbols.txt"


def declared_names(root):
    """Each function that the public headers mark NARU_API."""
    for path in c_files(root, "include"):
        source = without_comments(text(path), strings_too=True)
        source = re.sub(r"^\s*#(?:.*\\\n)*.*$", "", source, flags=re.MULTILINE)
        for declaration in re.findall(r"\bNARU_API\b([^;{]*)[;{]", source):
            match = re.search(r"\b(naru_\w+)\s*\(", re.sub(r"\bNARU_[A-Z_]+(\([^)]*\))?", "", declaration))
            if match:
                yield path.relative_to(root), match.group(1)


def exports(root, build):
    """libnaru.so shows exactly the functions that the public headers declare."""
    shown = set()
    for line in nm("-D", "--defined-only", "-P", build / "libnaru.so"):
        name, kind = line.split()[:2]
        if kind != "A":
            shown.add(name.split("@")[0])
    declared = dict((name, path) for path, name in declared_names(root))
    if not declared:
        yield "include/naru: declares no NARU_API function"
    for name in sorted(shown - declared.keys()):
        yield f"libnaru.so: shows {name}, which no public header declares"
    for name in sorted(declared.keys() - shown):
        yield f"{declared[name]}: declares {name}, which libnaru.so does not have"


def hardened(root, build):
    """What is shipped has read-only relocations, all bound at start, and no stack that can be executed."""
    for path in [build / "libnaru.so", *(path for path in (build / "apps").glob("*/*") if is_program(path))]:
        said = subprocess.run(["readelf", "-lWd", path], check=True, capture_output=True, text=True).stdout
        stack = re.search(r"GNU_STACK.* (R[W ][E ])\s", said)
        if "GNU_RELRO" not in said:
            yield f"{path.name}: no GNU_RELRO"
        if "BIND_NOW" not in said and not re.search(r"FLAGS_1.*\bNOW\b", said):
            yield f"{path.name}: not bound at start"
        if not stack or "E" in stack.group(1):
            yield f"{path.name}: the stack can be executed"
        if path.suffix != ".so" and not re.search(r"FLAGS_1.*\bPIE\b", said):
            yield f"{path.name}: not position independent"


def is_program(path):
    return path.is_file() and os.access(path, os.X_OK)


# ---- headers ---------------------------------------------------------------------------------------------------------

LANGUAGES = (
    (("gcc", "clang"), ".c", ("-std=c11",)),
    (("g++", "clang++"), ".cc", ("-std=c++17",)),
)
STRICT = ("-pedantic-errors", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fsyntax-only")


def is_adapter(path):
    """An adapter joins naru to another library, whose headers it needs: it is in no umbrella and no room."""
    return path.parent.name == "adapters"


def header_unit(root, name):
    """The header twice; an adapter only where the other library's header is there."""
    twice = f"#include <{name}>\n" * 2 + "typedef int nothing_else;\n"
    others = [other for _, _, other in includes(root / "include" / name) if not other.startswith("naru/")]
    if not is_adapter(name):
        return twice
    there = " && ".join(f"__has_include(<{other}>)" for other in others)
    return f"#if {there}\n{twice}#else\ntypedef int nothing_else;\n#endif\n"


def headers(root, build):
    """Each public header compiles alone, twice included, as C11 and as C++17, without a warning."""
    names = sorted(path.relative_to(root / "include") for path in c_files(root, "include"))
    if not names:
        yield "include/naru: no headers"
    with tempfile.TemporaryDirectory() as scratch:
        for compilers, suffix, standard in LANGUAGES:
            for compiler in filter(shutil.which, compilers):
                for name in names:
                    unit = Path(scratch, "unit" + suffix)
                    unit.write_text(header_unit(root, name), encoding="utf-8")
                    more = ["-D_GNU_SOURCE"] if is_adapter(name) else []
                    run = subprocess.run([compiler, *standard, *STRICT, *more, "-I", str(root / "include"), str(unit)],
                                         capture_output=True, text=True)
                    if run.returncode != 0:
                        yield f"include/{name}: {compiler} {standard[0]} refuses it:\n{run.stderr}"
    yield from check_umbrella(root, names)
    yield from check_version(root)


def check_umbrella(root, names):
    umbrella = root / "include/naru/naru.h"
    if not umbrella.is_file():
        yield "include/naru/naru.h: missing"
        return
    included = {name for _, _, name in includes(umbrella)}
    for name in names:
        if str(name) not in included and name.name != "naru.h" and not is_adapter(name):
            yield f"include/naru/naru.h: does not include <{name}>"


def check_version(root):
    source = text(root / "include/naru/version.h")
    numbers = [re.search(rf"#define NARU_VERSION_{part} (\d+)", source) for part in ("MAJOR", "MINOR", "PATCH")]
    whole = re.search(r'#define NARU_VERSION "([^"]+)"', source)
    if not whole or not all(numbers) or ".".join(number.group(1) for number in numbers) != whole.group(1):
        yield "include/naru/version.h: NARU_VERSION and its three numbers differ"
    elif f"[{whole.group(1)}]" not in text(root / "CHANGELOG.md"):
        yield f"CHANGELOG.md: has no section [{whole.group(1)}]"


# ---- banned and style ------------------------------------------------------------------------------------------------


def banned(root, build):
    """No function that invites overflows, hidden state or surprises; in the library, none that prints or exits."""
    for path in c_files(root, *C_DIRECTORIES):
        where = path.relative_to(root)
        words = dict(BANNED)
        if where.parts[0] == "src":
            words.update(BANNED_IN_LIBRARY)
        else:
            allowed = ALLOWED_IN_TESTS if where.parts[0] == "tests" else ALLOWED_IN_PROGRAMS
            words = {word: instead for word, instead in words.items() if word not in allowed}
        pattern = re.compile(r"(?<![\w.>])(" + "|".join(words) + r")\s*\(")
        for number, line in enumerate(without_comments(text(path), strings_too=True).splitlines(), 1):
            for word in pattern.findall(line):
                yield f"{where}:{number}: {word}() is banned; use {words[word]}"


def expected_guard(where):
    parts = [part for part in where.with_suffix("").parts if part not in ("src", "include")]
    if parts[0] == "naru":
        parts = parts[1:]
    return "NARU_" + re.sub(r"\W", "_", "_".join(parts)).upper() + "_H"


def check_c_style(where, source):
    if not source.startswith("/*"):
        yield f"{where}:1: a file opens with a comment that says what it is for"
    if where.suffix == ".h" and where.parts[0] in ("src", "include"):
        guard = expected_guard(where)
        if f"#ifndef {guard}\n#define {guard}\n" not in source:
            yield f"{where}: the include guard is not {guard}"
    code = without_comments(source, strings_too=True)
    for match in re.finditer(r"(?:\}|typedef[^;{}]*?)\s*(naru\w*_t)\s*;", code):
        yield f"{where}:{code.count(chr(10), 0, match.start(1)) + 1}: type {match.group(1)} ends in _t"


def style(root, build):
    """What is cheap to check of the style: blanks, line length, opening comments, include guards, type names."""
    paths = list(files(root, (*C_DIRECTORIES, "cmake", "web", "tools"), TEXT_SUFFIXES))
    if not paths:
        yield f"{root}: no files"
    for path in paths:
        where = path.relative_to(root)
        source = text(path)
        columns_max = 120 if path.suffix in (".c", ".h") else 140  # the others hold tables of cases
        if source and not source.endswith("\n"):
            yield f"{where}: the last line has no end"
        for number, line in enumerate(source.split("\n"), 1):
            if "\t" in line:
                yield f"{where}:{number}: a tab"
            if line != line.rstrip():
                yield f"{where}:{number}: blanks at the end of the line"
            if len(line) > columns_max:
                yield f"{where}:{number}: {len(line)} columns, more than {columns_max}"
        if path.suffix in (".c", ".h"):
            yield from check_c_style(where, source)


# ---- docs ------------------------------------------------------------------------------------------------------------

TOP_DIRECTORIES = "apps|bench|cmake|docs|examples|fuzz|include|packaging|src|tests|tools|web|\\.ci"


def check_paths(root, page):
    """Paths in backquotes that begin with a top directory of the tree; a star stands for any name."""
    where = page.relative_to(root)
    for number, line in enumerate(text(page).splitlines(), 1):
        for path in re.findall(rf"(?<![\w/.-])((?:{TOP_DIRECTORIES})/[\w./*{{}},-]*[\w*/}}])", line):
            if any(mark in path for mark in "{}"):
                start, _, rest = path.partition("{")
                middle, _, end = rest.partition("}")
                found = all(any(root.glob((start + word + end).rstrip("/"))) for word in middle.split(","))
            else:
                found = any(root.glob(path.rstrip("/")))
            if not found:
                yield f"{where}:{number}: {path} is not there"


def check_links(root, page):
    where = page.relative_to(root)
    for number, line in enumerate(text(page).splitlines(), 1):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                yield f"{where}:{number}: the link to {target} leads nowhere"


def docs(root, build):
    """Every path that docs/WHERE.md names is there, and every link of every page leads somewhere."""
    where_page = root / "docs/WHERE.md"
    if not where_page.is_file():
        yield "docs/WHERE.md: missing"
    else:
        yield from check_paths(root, where_page)
    for page in [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]:
        yield from check_links(root, page)


# ---- snippets --------------------------------------------------------------------------------------------------------


def snippets(root, build):
    """Each whole C program in a page compiles without a warning and links with libnaru.so."""
    pages = [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]
    with tempfile.TemporaryDirectory() as scratch:
        for page in pages:
            for number, program in enumerate(re.findall(r"^```c\n(#include.*?)^```", text(page), re.DOTALL | re.M), 1):
                unit = Path(scratch, "unit.c")
                unit.write_text(program, encoding="utf-8")
                run = subprocess.run(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-I", str(root / "include"),
                                      str(unit), "-o", str(unit.with_suffix("")), str(build / "libnaru.so")],
                                     capture_output=True, text=True)
                if run.returncode != 0:
                    yield f"{page.relative_to(root)}: program {number} does not build:\n{run.stderr}"


RULES = {rule.__name__: rule for rule in (layers, symbols, exports, hardened, headers, banned, style, docs, snippets)}


def main():
    here = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rule", choices=RULES)
    parser.add_argument("--source", type=Path, default=here)
    parser.add_argument("--build", type=Path, default=Path(os.environ.get("NARU_BUILD_DIR", here / "build/release")))
    options = parser.parse_args()
    rule = RULES[options.rule]
    complaints = list(rule(options.source.resolve(), options.build.resolve()))
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"{options.rule}: {len(complaints)} complaints. {rule.__doc__}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
