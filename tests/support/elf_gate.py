"""Fails when a shipped program lacks a hardening that the release flags ask for. Arguments: ELF files."""

import pathlib
import subprocess
import sys


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, path], check=True, capture_output=True, text=True).stdout


def faults(path):
    header, segments, dynamic, notes, symbols = (
        readelf(path, option) for option in ("-h", "-l", "-d", "-n", "--dyn-syms")
    )
    stack = next((line for line in segments.splitlines() if "GNU_STACK" in line), "")
    rules = {
        "is not position independent (PIE)": "DYN (Position-Independent" in header and "PIE" in dynamic,
        "has no read-only relocations (RELRO)": "GNU_RELRO" in segments,
        "binds lazily (no -z now)": "BIND_NOW" in dynamic or "NOW" in dynamic,
        "has an executable stack": bool(stack) and "E" not in stack.split("0x")[-2].split()[1],
        "has an RPATH or RUNPATH": "(RPATH)" not in dynamic and "(RUNPATH)" not in dynamic,
        "has no stack protector": "__stack_chk_fail" in symbols,
        "has no fortified calls": "_chk@" in symbols.replace("__stack_chk_fail", ""),
    }
    if "X86-64" in header:
        rules["is not marked for shadow stacks"] = "SHSTK" in notes
        # Debian's start-up object lacks the note of IBT, so look for its landing pads (endbr64) instead.
        rules["has no landing pads for IBT"] = pathlib.Path(path).read_bytes().count(b"\xf3\x0f\x1e\xfa") > 50
    return [fault for fault, good in rules.items() if not good]


def main():
    found = [f"{path} {fault}" for path in sys.argv[1:] for fault in faults(path)]
    print("\n".join(found))
    return 1 if found or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
