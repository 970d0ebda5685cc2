"""Proof that each rule of house.py can fail: plant one violation in a small tree and expect exactly its complaint.

The same tree without the violation must pass, so a rule that always complains is found as well.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import house

# A tree in which every rule is kept.
CLEAN = {
    "src/LAYERS": "base:\nio: base\n",
    "src/base/CMakeLists.txt": "naru_room(base DRY SOURCES a.c)\n",
    "src/io/CMakeLists.txt": "naru_room(io WET SOURCES a.c)\n",
    "src/base/a.h": "/* a */\n#ifndef NARU_BASE_A_H\n#define NARU_BASE_A_H\n#include <naru/base.h>\n#endif\n",
    "src/base/a.c": """/* a; strcpy( in a comment is fine */
#include "a.h"
#include <string.h>
int naru_one(const char *s)
{
    return (int)strlen(s);
}
""",
    "src/io/a.h": "/* a */\n#ifndef NARU_IO_A_H\n#define NARU_IO_A_H\n#endif\n",
    "src/io/a.c": '/* a */\n#include "base/a.h"\n#include "io/a.h"\n#include <unistd.h>\n',
    "include/naru/base.h": """/* base */
#ifndef NARU_BASE_H
#define NARU_BASE_H
#ifdef __cplusplus
extern "C" {
#endif
#define NARU_API __attribute__((visibility("default")))
NARU_API int naru_one(const char *s);
#ifdef __cplusplus
}
#endif
#endif
""",
    "include/naru/io.h": "/* io */\n#ifndef NARU_IO_H\n#define NARU_IO_H\n#include <naru/base.h>\n#endif\n",
    "include/naru/version.h": """/* version */
#ifndef NARU_VERSION_H
#define NARU_VERSION_H
#define NARU_VERSION_MAJOR 1
#define NARU_VERSION_MINOR 2
#define NARU_VERSION_PATCH 3
#define NARU_VERSION "1.2.3"
#endif
""",
    "include/naru/naru.h": """/* all */
#ifndef NARU_NARU_H
#define NARU_NARU_H
#include <naru/base.h>
#include <naru/io.h>
#include <naru/version.h>
#endif
""",
    "apps/one/main.c": '/* one */\n#include "main.h"\n#include <naru/naru.h>\n#include <stdio.h>\n',
    "apps/one/main.h": "/* one */\n",
    "tests/house/dry-symbols.txt": "strlen\n",
    "docs/WHERE.md": "See `src/base/a.c` and src/*/a.h, src/{base,io}/a.c.\n",
    "CHANGELOG.md": "## [1.2.3]\n",
    "README.md": """[where](docs/WHERE.md#top)
```c
#include <naru/naru.h>
int main(void) { return naru_one(""); }
```
""",
}

# rule, file, what is added to its end, what the complaint must say.
PLANTED = [
    ("layers", "src/base/a.c", '#include "io/a.h"\n', "base may not include io"),
    ("layers", "src/base/a.c", "#include <naru/io.h>\n", "base may not include <naru/io.h>"),
    ("layers", "src/base/a.c", "#include <unistd.h>\n", "<unistd.h> in a dry room"),
    ("layers", "src/base/a.c", "#  include <stdlib.h>\n", "<stdlib.h> in a dry room"),
    ("layers", "src/base/a.c", "#include <zlib.h>\n", "<zlib.h> in a dry room"),
    ("layers", "src/base/a.c", '#include "../io/a.h"\n', 'write "room/file.h"'),
    ("layers", "src/base/a.c", '#include "b.h"\n', 'write "room/file.h"'),
    ("layers", "src/io/a.c", "#include <naru/naru.h>\n", "umbrella"),
    ("layers", "src/hub/a.c", "/* a */\n", "no room hub"),
    ("layers", "src/LAYERS", "ws: tcp\n", "names tcp"),
    ("layers", "src/LAYERS", "base: io\n", "base is dry"),
    ("layers", "include/naru/base.h", "#include <naru/io.h>\n", "base may not include io"),
    ("layers", "include/naru/io.h", "#include <sys/socket.h>\n", "language's headers"),
    ("layers", "apps/one/main.c", '#include "base/a.h"\n', "only <naru/...> is public"),
    ("layers", "apps/one/main.c", '#include "../../src/base/a.h"\n', "only <naru/...> is public"),
    ("layers", "examples/a.c", "/* a */\n#include <naru/secret.h>\n", "is not public"),
    ("symbols", "src/base/a.c", "int getpid(void);\nint naru__p(void) { return getpid(); }\n", "calls getpid"),
    ("symbols", "src/base/a.c", "void *malloc(unsigned long);\nvoid *naru__m(void) { return malloc(9); }\n",
     "calls malloc"),
    ("exports", "src/base/a.c", "int naru__two(void) { return 2; }\n", "shows naru__two"),
    ("exports", "include/naru/base.h", "NARU_API int naru_three(void);\n", "declares naru_three"),
    ("hardened", "src/base/a.c", '__asm__(".section .note.GNU-stack,\\"x\\",@progbits");\n', "stack can be executed"),
    ("headers", "include/naru/io.h", "#include <naru/none.h>\n", "refuses it"),
    ("headers", "include/naru/io.h", "typedef struct naru_x { int class; } naru_x;\n", "c++17 refuses it"),
    ("headers", "include/naru/io.h", "static int naru_unused(int x) { return x; }\n", "refuses it"),
    ("headers", "include/naru/ws.h", "/* ws */\n", "does not include <naru/ws.h>"),
    ("headers", "include/naru/version.h", "\n", "differ", '"1.2.3"', '"1.2.4"'),
    ("headers", "CHANGELOG.md", "\n", "has no section", "1.2.3", "1.2.2"),
    ("banned", "src/io/a.c", "void f(char *d) { strcpy(d, d); }\n", "strcpy() is banned"),
    ("banned", "src/io/a.c", "void f(char *d) { sprintf (d, d); }\n", "sprintf() is banned"),
    ("banned", "src/io/a.c", 'void f(void) { printf("x"); }\n', "printf() is banned"),
    ("banned", "apps/one/main.c", "int f(char *d) { return atoi(d); }\n", "atoi() is banned"),
    ("banned", "apps/one/main.c", "int f(char *d) { return sscanf(d, d); }\n", "sscanf() is banned"),
    ("banned", "tests/a.c", "/* a */\nint f(char *d) { return atoi(d); }\n", "atoi() is banned"),
    ("style", "src/io/a.c", "int\tx;\n", "a tab"),
    ("style", "src/io/a.c", "int x; \n", "blanks at the end"),
    ("style", "src/io/a.c", f"/* {'x' * 120} */\n", "more than 120"),
    ("style", "src/io/a.c", "int x;", "last line has no end"),
    ("style", "src/io/b.c", "int x;\n", "opens with a comment"),
    ("style", "src/io/b.h", "/* b */\n#ifndef B_H\n#define B_H\n#endif\n", "guard is not NARU_IO_B_H"),
    ("style", "include/naru/io.h", "typedef struct { int x; } naru_io_t;\n", "ends in _t"),
    ("docs", "docs/WHERE.md", "`src/base/none.c`\n", "src/base/none.c is not there"),
    ("docs", "docs/WHERE.md", "src/{base,tcp}/a.c\n", "is not there"),
    ("snippets", "README.md", "```c\n#include <naru/naru.h>\nint main(void) { return naru_two(); }\n```\n",
     "does not build"),
    ("snippets", "README.md", "```c\n#include <naru/naru.h>\nint main(void) { int x; }\n```\n", "unused"),
    ("docs", "README.md", "[x](docs/NONE.md)\n", "leads nowhere"),
]


def write_tree(root, tree):
    for name, content in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def compile_tree(root):
    """The two libraries that the rules look at, made of src/base alone; everything is visible, as if by mistake."""
    unit = root / "a.c.o"
    flags = ["-O2", "-fPIC", "-I", str(root / "src"), "-I", str(root / "include")]
    subprocess.run(["gcc", *flags, "-c", str(root / "src/base/a.c"), "-o", str(unit)], check=True)
    subprocess.run(["ar", "rcs", str(root / "libnaru_dry.a"), str(unit)], check=True)
    subprocess.run(["gcc", "-shared", "-nostartfiles", "-Wl,-z,relro,-z,now", str(unit),
                    "-o", str(root / "libnaru.so")], check=True)


def complaints_of(rule, tree):
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        write_tree(root, tree)
        if rule in ("symbols", "exports", "hardened", "snippets"):
            compile_tree(root)
        return list(house.RULES[rule](root, root))


def main():
    failures = 0
    for rule in house.RULES:
        for complaint in complaints_of(rule, CLEAN):
            failures += 1
            print(f"{rule} complains about a clean tree: {complaint}")
    for rule, name, addition, expected, *replacement in PLANTED:
        tree = dict(CLEAN)
        content = tree.get(name, "")
        tree[name] = (content.replace(*replacement) if replacement else content) + addition
        complaints = complaints_of(rule, tree)
        if not any(expected in complaint for complaint in complaints):
            failures += 1
            print(f"{rule} does not see {addition!r} in {name}: {complaints}")
    unproved = set(house.RULES) - {rule for rule, *_ in PLANTED}
    print(f"{len(PLANTED)} violations planted, {failures} failures, rules without proof: {sorted(unproved)}")
    return 1 if failures or unproved else 0


if __name__ == "__main__":
    sys.exit(main())
