"""The rules of lib/LAYERS and of foreign headers, as a check over a source tree.

check(root) returns one message a violation: "file:line: what, and what would be right".
"""

import re
from pathlib import Path

SOURCES = {".hpp", ".cpp", ".cu", ".cuh", ".h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
NAMESPACE = re.compile(r"^namespace\s+(vox(?:::\w+)*)\s*\{\s*$")
FORWARD = re.compile(r"^(class|struct|enum class) [\w:< >]+;")
VOX_MODULE = re.compile(r"vox_module\(\s*(\w+)([^)]*)\)")

TORCH = re.compile(r"^(ATen|torch|c10|caffe2)/")
# A foreign header (pattern), the folders that may include it, and the file endings where only some may.
FOREIGN = [
    (re.compile(r"^mpi\.h$"), {"lib/comm", "tests/comm", "tests/support"}, SOURCES),
    (re.compile(r"^nccl\.h$"), {"lib/comm", "tests/comm"}, SOURCES),
    (re.compile(r"^hdf5(_hl)?\.h$|^H5\w+\.h$"), {"lib/data", "tools", "tests/data"}, {".cpp"}),
    (
        re.compile(r"^cuda_runtime(_api)?\.h$|^cuda\.h$"),
        {f"{top}/{module}" for top in ("lib", "tests") for module in ("comm", "ops", "nn", "data")},
        SOURCES,
    ),
    (
        re.compile(r"^(c10|ATen)/cuda/"),
        {f"{top}/{module}" for top in ("lib", "tests") for module in ("comm", "ops", "nn", "data", "train")},
        SOURCES,
    ),
]
# What stays free of LibTorch.
WITHOUT_TORCH = {"core", "config", "report"}


def read_layers(root):
    """module -> number of its line; the modules of a line do not know each other."""
    layers = {}
    for number, line in enumerate((root / "lib/LAYERS").read_text().splitlines()):
        for module in line.split("#")[0].split():
            layers[module] = number
    return layers


def may_include(layers, module, other):
    return module == other or layers[other] < layers[module]


def folder_of(path):
    """"lib/comm" for lib/comm/x/y.cpp, "tools" for tools/bench/x.cpp, "apps" for apps/x.cpp."""
    return "/".join(path.parts[:2]) if path.parts[0] in ("lib", "tests") else path.parts[0]


def check_foreign(path, header):
    for pattern, folders, endings in FOREIGN:
        if not pattern.search(header):
            continue
        if folder_of(path) not in folders:
            yield f"<{header}> may be included in {', '.join(sorted(folders))} only"
        elif path.suffix not in endings:
            yield f"<{header}> may be included in {', '.join(sorted(endings))} files only"


def check_own(root, layers, module, header):
    other = header.split("/")[0]
    if other not in layers:
        yield f'"{header}" belongs to no module of lib/LAYERS; a foreign header takes <>'
    elif not may_include(layers, module, other):
        yield f'"{header}": {module} may not know {other}; lib/LAYERS puts it on a later line or beside'
    elif not (root / "lib" / header).is_file():
        yield f'"{header}" is no file below lib/'


def check_namespace(layers, module, name, following):
    """Own namespace, or forward declarations (the lines that follow, up to the brace) of a module that may be known."""
    parts = name.split("::")
    if len(parts) == 1 or parts[1] == module:
        return
    body = following[: next((i for i, line in enumerate(following) if line.startswith("}")), 0)]
    if not body or not all(FORWARD.match(line) for line in body):
        yield f"namespace {name} in lib/{module}; it has to be vox::{module}"
    elif parts[1] not in layers or not may_include(layers, module, parts[1]):
        yield f"{module} may not know {parts[1]} (lib/LAYERS)"


def check_file(root, layers, path):
    """Messages for one source file; `path` is relative to the root."""
    module = path.parts[1] if path.parts[0] == "lib" else None
    lines = (root / path).read_text(errors="replace").splitlines()
    if module and module not in layers:
        yield f"{path}:1: lib/{module} is not in lib/LAYERS"
        return
    if path.suffix == ".hpp" and (not lines or lines[0] != "#pragma once"):
        yield f"{path}:1: a header begins with #pragma once"
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}:"
        if found := INCLUDE.match(line):
            bracket, header = found.groups()
            yield from (f"{where} {message}" for message in check_foreign(path, header))
            if module and bracket == '"':
                yield from (f"{where} {message}" for message in check_own(root, layers, module, header))
            if module in WITHOUT_TORCH and TORCH.match(header):
                yield f"{where} <{header}>: {module} stays free of LibTorch"
        if module and (found := NAMESPACE.match(line)):
            yield from (f"{where} {message}" for message in check_namespace(layers, module, found.group(1), lines[number:]))


def check_links(root, layers, path):
    """The modules that a lib/<module>/CMakeLists.txt links are the ones it may include."""
    for module, arguments in VOX_MODULE.findall((root / path).read_text()):
        depends = re.search(r"DEPENDS([\w\s]*?)(EXTERNAL|$)", arguments)
        for other in depends.group(1).split() if depends else []:
            if other not in layers or module not in layers or not may_include(layers, module, other):
                yield f"{path}:1: {module} may not link {other} (lib/LAYERS)"


def check(root):
    root = Path(root)
    layers = read_layers(root)
    messages = []
    for top in ("lib", "apps", "tools", "tests"):
        for file in sorted((root / top).rglob("*")):
            path = file.relative_to(root)
            if path.suffix in SOURCES:
                messages += check_file(root, layers, path)
            elif path.name == "CMakeLists.txt" and top == "lib":
                messages += check_links(root, layers, path)
    return messages
