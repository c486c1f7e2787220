"""Runs clang-tidy over what ships, two files at a time, and remembers files that were clean.

A file is clean as long as it, the headers of ours that it includes, .clang-tidy and clang-tidy itself are the same.
Argument: the build folder with compile_commands.json.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
ROOTS = (TOP / "lib", TOP)
SHIPPED = ("cli", "lib", "agentd")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def closure(path, seen):
    """`path` and every header of ours that it includes."""
    if path in seen:
        return
    seen.add(path)
    for name in INCLUDE.findall(path.read_text()):
        for candidate in (path.parent / name, *(root / name for root in ROOTS)):
            if candidate.is_file():
                closure(candidate.resolve(), seen)
                break


def fingerprint(path, base):
    seen = set()
    closure(path, seen)
    digest = hashlib.sha256(base)
    for part in sorted(seen):
        digest.update(str(part.relative_to(TOP)).encode() + b"\0" + part.read_bytes())
    return digest.hexdigest()


def run(build, path):
    command = ["clang-tidy", "--quiet", "-p", str(build), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0 and "warning:" not in done.stdout, done.stdout + (done.stderr if done.returncode else "")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    clean = TOP / "build" / "tidy"
    clean.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True).stdout
    configs = [TOP / ".clang-tidy", *sorted(TOP.glob("*/.clang-tidy"))]
    base = version + b"".join(config.read_bytes() for config in configs)
    sources = {pathlib.Path(entry["file"]) for entry in json.loads((build / "compile_commands.json").read_text())}
    shipped = sorted(path for path in sources if path.is_relative_to(TOP) and path.relative_to(TOP).parts[0] in SHIPPED)
    todo = {path: clean / fingerprint(path, base) for path in shipped}
    todo = {path: stamp for path, stamp in todo.items() if not stamp.exists()}
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = {pool.submit(run, build, path): path for path in todo}
        for result in concurrent.futures.as_completed(results):
            good, output = result.result()
            if good:
                todo[results[result]].touch()
            else:
                failed += 1
                print(output)
    print(f"{len(shipped)} files, {len(todo)} looked at, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
