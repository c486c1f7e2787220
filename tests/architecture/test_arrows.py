"""Reads the #include lines of what ships and fails on an arrow that the design does not have.

    cli -> workflow -> roles -> vault, sql, http, x509 -> base         agentd -> agent, http, x509 -> base

A folder may include itself, `base`, and what its row of ARROWS names; lib/CMakeLists.txt links the same.
"""

import fnmatch
import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]

ARROWS = {
    "base": "",
    "x509": "",
    "http": "",
    "agent": "http x509",
    "vault": "http x509",
    "sql": "",
    "policy": "x509",
    "secrets": "agent sql vault",
    "keys": "secrets sql vault x509",
    "audit": "secrets sql vault x509",
    "inventory": "sql x509",
    "authority": "secrets sql vault x509",
    "session": "agent audit secrets sql vault x509",
    "license": "secrets x509",
    "report": "http inventory sql x509",
    "plain": "x509",
    "workflow": "agent audit authority inventory keys license policy report secrets session sql vault http x509",
    "cli": "workflow agent audit authority inventory keys license plain policy report secrets session sql vault http x509",
    "agentd": "agent http x509",
}

# Headers that are not ours, and the only files that may include them.
OWNERS = {
    "CLI/*": "cli/args.cpp",
    "nlohmann/*": "lib/base/json.cpp",
    "yaml-cpp/*": "lib/base/yaml.cpp",
    "sodium.h": "lib/base/crypto.cpp",
    "openssl/*": "lib/x509/*.cpp lib/x509/openssl.hpp",
    "sqlite3.h": "lib/sql/*.cpp",
    "libpq-fe.h": "lib/sql/libpq.hpp",
    "curl/*": "lib/http/curl.hpp",
    "microhttpd.h": "lib/http/microhttpd.hpp",
    "spdlog/*": "agentd/log.cpp",
    "systemd/*": "agentd/systemd.cpp",
    "dlfcn.h": "lib/base/shared_library.cpp",
    "winscard.h": "agentd/piv/pcsc.hpp",
    "zlib.h": "agentd/piv/inflate.cpp",
}
SYSTEM = re.compile(  # C++, C and POSIX headers
    r"[a-z_]+|(sys|arpa|netinet|linux)/\w+\.h|"
    r"(dirent|errno|fcntl|fnmatch|grp|langinfo|limits|locale|netdb|poll|pthread|pwd|sched|signal|spawn|stdint|stdio|stdlib|string"
    r"|syslog|termios|time|unistd|wchar|wordexp)\.h"
)

# Words that only the named files may use, and why.
WORDS = {
    r"<thread>|<future>|std::(jthread|thread|async)\b(?!::)|\bpthread_create\b": (
        "lib/base/workers.* lib/http/server.cpp agentd/piv/side_call.cpp agentd/piv/readers.cpp agentd/piv/connection.cpp",
        "only base/workers starts threads, the HTTP server the one it sleeps on, and the card those that pcscd may block",
    ),
    r"\b(secure_)?getenv\b|\benviron\b": (
        "cli/* agentd/options.cpp lib/base/failpoint_on.cpp",
        "the environment is read where the words of the command line are",
    ),
    r"<iostream>|std::(cout|cerr|clog|cin)\b|(?<!\w)v?f?printf\s*\(|\b(puts|putchar|perror)\s*\(": (
        "cli/* agentd/* lib/base/failpoint_on.cpp",
        "lib/ does not print",
    ),
    r"(?<![\w.>])_?exit\s*\(|\bquick_exit\b|\bstd::(exit|terminate)\b": (
        "cli/* agentd/* lib/base/failpoint_on.cpp",
        "lib/ does not end the process",
    ),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
QUIET = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.DOTALL)  # comments and strings


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns.split())


def folder_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "lib" else parts[0]


def include_faults(path, mark, header):
    here = folder_of(path)
    if mark == "<":
        owner = next((files for pattern, files in OWNERS.items() if fnmatch.fnmatch(header, pattern)), None)
        if owner is None:
            return [] if SYSTEM.fullmatch(header) else [f"{path}: <{header}> has no owner: give it one in OWNERS"]
        return [] if matches(path, owner) else [f"{path}: <{header}> belongs to {owner}"]
    target = header.split("/")[0]
    if target not in ARROWS or "/" not in header:
        return [f'{path}: "{header}" is not of the form "folder/file.hpp"']
    if here in ARROWS and target in {"base", here, *ARROWS[here].split()}:
        return []
    return [f'{path}: "{header}": no arrow {here} -> {target}']


def faults(path, text):
    """What is wrong with the file `path` (relative to the top) that holds `text`."""
    found = [fault for mark, header in INCLUDE.findall(text) for fault in include_faults(path, mark, header)]
    words = QUIET.sub('""', text)
    for pattern, (files, reason) in WORDS.items():
        if (word := re.search(pattern, words)) and not matches(path, files):
            found.append(f"{path}: {word.group().strip()}: {reason}")
    return found


def shipped():
    for folder in ("cli", "lib", "agentd"):
        for path in sorted((TOP / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp", ".def"):
                yield path.relative_to(TOP).as_posix(), path.read_text()


def test_what_ships_keeps_to_the_arrows():
    found = [fault for path, text in shipped() for fault in faults(path, text)]
    assert not found, "\n" + "\n".join(found)


def test_no_file_has_more_than_500_lines():
    long = [f"{path}: {text.count(chr(10))} lines" for path, text in shipped() if text.count("\n") > 500]
    assert not long, "\n" + "\n".join(long)


def links():
    """The folders that lib/CMakeLists.txt links each folder with."""
    text = (TOP / "lib/CMakeLists.txt").read_text()
    lines = re.findall(r"^ymgr_library\((\w+) ([^)]*)\)", text, re.MULTILINE)
    return {name: {word[5:] for word in words.split() if word.startswith("ymgr_")} for name, words in lines}


def reachable(name, table):
    return set().union(*({other} | reachable(other, table) for other in table[name]))


def test_the_link_lines_are_the_arrows():
    table = links()
    for name, linked in table.items():
        allowed = set(ARROWS[name].split())
        assert linked <= allowed | {"base"}, f"lib/CMakeLists.txt links {name} with more than its arrows"
        assert allowed <= reachable(name, table), f"lib/CMakeLists.txt links {name} with less than its arrows"
    assert set(ARROWS) - {"cli", "agentd"} == set(table)


def test_the_arrows_form_no_circle():
    def walk(name, way):
        assert name not in way, " -> ".join([*way, name])
        for other in ARROWS.get(name, "").split():
            walk(other, [*way, name])

    for name in ARROWS:
        walk(name, [])


BAD = [
    ("lib/base/ids.cpp", '#include "x509/key.hpp"'),
    ("lib/x509/key.cpp", '#include "sql/connection.hpp"'),
    ("lib/policy/policy.cpp", '#include "keys/key_store.hpp"'),
    ("lib/inventory/inventory.hpp", '#include "workflow/engine.hpp"'),
    ("lib/workflow/issue.cpp", '#include "cli/args.hpp"'),
    ("cli/issue.cpp", '#include "agentd/sessions.hpp"'),
    ("agentd/main.cpp", '#include "cli/args.hpp"'),
    ("agentd/main.cpp", '#include "workflow/issue.hpp"'),
    ("agentd/endpoints.cpp", '#include "session/session.hpp"'),
    ("agentd/main.cpp", "#include <spdlog/spdlog.h>"),
    ("lib/agent/client.cpp", '#include "agentd/sessions.hpp"'),
    ("lib/keys/sealed.cpp", '#include "sealed.hpp"'),
    ("lib/keys/sealed.cpp", '#include "../base/secret.hpp"'),
    ("lib/x509/key.hpp", "#include <openssl/evp.h>"),
    ("lib/base/crypto.cpp", "#include <openssl/sha.h>"),
    ("cli/issue.cpp", "#include <CLI/CLI.hpp>"),
    ("lib/audit/audit.cpp", "#  include <nlohmann/json.hpp>"),
    ("lib/base/files.cpp", "#include <boost/filesystem.hpp>"),
    ("lib/workflow/engine.cpp", "#include <thread>"),
    ("lib/workflow/engine.cpp", "std::thread worker(run);"),
    ("cli/main.cpp", "auto later = std::async(run);"),
    ("lib/base/files.cpp", 'auto home = std::getenv("HOME");'),
    ("lib/base/trace.cpp", 'std::cerr << "slow";'),
    ("lib/base/trace.cpp", 'std::printf("slow");'),
    ("lib/base/trace.cpp", "exit(1);"),
]
GOOD = [
    ("lib/base/workers.cpp", "#include <thread>\nstd::thread worker(run);"),
    ("lib/base/files.cpp", "#include <sys/stat.h>\n#include <unistd.h>\n#include <algorithm>"),
    ("lib/base/text.cpp", 'std::snprintf(buffer, 9, "%d", 1);  // printf("") and getenv are not called here'),
    ("lib/base/text.cpp", 'auto hint = "std::cout, getenv(HOME), exit(1)";'),
    ("lib/workflow/issue.cpp", '#include "base/error.hpp"\n#include "keys/key_store.hpp"'),
    ("lib/sql/sqlite.cpp", "#include <sqlite3.h>"),
    ("cli/main.cpp", 'std::getenv("HOME"); std::exit(2); std::cout << 1;'),
]


@pytest.mark.parametrize(("path", "text"), BAD)
def test_the_rules_refuse(path, text):
    assert len(faults(path, text)) >= 1


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_the_rules_allow(path, text):
    assert faults(path, text) == []
