"""The software bill of materials of one program, SPDX 2.3 as JSON, on standard output. Arguments: its package, its file.

Shared libraries are those that the program is linked with, and those whose file it opens when they are used; libraries of
headers are compiled into it. Versions are those of the Debian packages that it was built with. The same build gives the same bytes."""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse

HEADERS = {"ymgr": ("libcli11-dev", "nlohmann-json3-dev"), "ymgr-agentd": ("libspdlog-dev", "nlohmann-json3-dev")}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def packages_of(libraries):
    """The packages with the shared libraries of these names: {"libssl.so.3": "libssl3"}."""
    lines = output("/sbin/ldconfig", "-p").splitlines()
    found = {line.split()[0]: line.split(" => ")[1] for line in reversed(lines) if " => " in line}
    candidates = {path: name for name in libraries for path in (found[name], os.path.realpath(found[name]), "/usr" + found[name])}
    answer = subprocess.run(("dpkg-query", "-S", *sorted(candidates)), capture_output=True, text=True).stdout
    packages = {candidates[line.split(": ")[1]]: line.split(":")[0] for line in answer.splitlines() if ": " in line}
    if missing := set(libraries) - set(packages):
        raise SystemExit(f"sbom: no package has {sorted(missing)}")
    return packages


def purl(name, version, architecture, source):
    """Of the package URL specification: a colon stays as it is, a plus sign does not."""
    name, version, source = (urllib.parse.quote(text, safe=":") for text in (name, version, source))
    return f"pkg:deb/debian/{name}@{version}?arch={architecture}&upstream={source}"


def described(package, relation):
    architecture, version, source = output(
        "dpkg-query", "-W", "-f", "${Architecture}|${Version}|${source:Package}", package
    ).split("|")[:3]
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", package),
        "name": package,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "comment": relation,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl(package, version, architecture, source),
            }
        ],
    }


def parts(package, program, contents):
    dynamic = output("objdump", "-p", program)
    linked = set(re.findall(r"^ +NEEDED +(\S+)", dynamic, re.M))
    opened = {name.decode() for name in re.findall(rb"(?<=\0)lib[a-z]+\.so\.\d+(?=\0)", contents)} - linked
    packages = packages_of(linked | opened)
    found = {name: "compiled in" for name in HEADERS[package]}
    found |= {packages[name]: "opened when it is used; the version that it was built for" for name in opened}
    found |= {packages[name]: "linked" for name in linked}
    return [described(name, relation) for name, relation in sorted(found.items())]


def main():
    package, program = sys.argv[1:]
    with open(program, "rb") as file:
        contents = file.read()
    version = output("dpkg-parsechangelog", "-S", "Version").strip()
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or output("dpkg-parsechangelog", "-S", "Timestamp").strip()
    needed = parts(package, program, contents)
    own = {
        "SPDXID": "SPDXRef-Package",
        "name": package,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }
    describes = {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": own["SPDXID"]}
    depends = [
        {"spdxElementId": own["SPDXID"], "relationshipType": "DEPENDS_ON", "relatedSpdxElement": part["SPDXID"]}
        for part in needed
    ]
    made = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{package}-{version}",
        "documentNamespace": f"urn:ymgr:sbom:{package}:{version}:{hashlib.sha256(contents).hexdigest()}",
        "creationInfo": {"created": made.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: ymgr-sbom"]},
        "packages": [own, *needed],
        "relationships": [describes, *depends],
    }
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


main()
