"""The software bill of materials of one program, SPDX 2.3 as JSON, on standard output. Arguments: its package, its file.

Shared libraries are those that the program names, and those that it opens when they are used; libraries of headers are
compiled into it. Versions are those of the Debian packages that it was built with. The same build gives the same bytes."""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys

HEADERS = {"ymgr": ("libcli11-dev", "nlohmann-json3-dev"), "ymgr-agentd": ("libspdlog-dev", "nlohmann-json3-dev")}
OPENED = {"ymgr": ("libcurl4-openssl-dev", "libmicrohttpd-dev", "libpq-dev"), "ymgr-agentd": ("libmicrohttpd-dev",)}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def package_of(library):
    """The package with the shared library of that name: "libssl3"."""
    lines = output("/sbin/ldconfig", "-p").splitlines()
    path = next(line.split(" => ")[1] for line in lines if line.split()[:1] == [library])
    for candidate in (path, os.path.realpath(path), "/usr" + path):
        found = subprocess.run(("dpkg-query", "-S", candidate), capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(":")[0]
    raise SystemExit(f"sbom: no package has {path}")


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
                "referenceLocator": f"pkg:deb/debian/{package}@{version}?arch={architecture}&upstream={source}",
            }
        ],
    }


def parts(package, program):
    dynamic = output("objdump", "-p", program)
    linked = {package_of(name) for name in re.findall(r"^ +NEEDED +(\S+)", dynamic, re.M)}
    found = [(name, "linked") for name in linked]
    found += [(name, "compiled in") for name in HEADERS[package]]
    found += [(name, "opened when it is used; the version that it was built for") for name in OPENED[package]]
    return [described(name, relation) for name, relation in sorted(set(found))]


def main():
    package, program = sys.argv[1:]
    with open(program, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    version = output("dpkg-parsechangelog", "-S", "Version").strip()
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or output("dpkg-parsechangelog", "-S", "Timestamp").strip()
    needed = parts(package, program)
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
        "documentNamespace": f"urn:ymgr:sbom:{package}:{version}:{digest}",
        "creationInfo": {"created": made.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: ymgr-sbom"]},
        "packages": [own, *needed],
        "relationships": [describes, *depends],
    }
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


main()
