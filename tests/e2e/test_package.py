"""What the packages hold, as far as it can be seen without building them; debian/try-packages.sh tries the built ones."""

import fnmatch
import json
import re

import pytest

from harness import BUILD, PATH, RELEASE, TOP, openssl, run

# Examples that run beside the virtual YubiKey, which is in no package, and what has a package of its own.
NOT_SHIPPED = {"demo.sh", "demo-yubikey.sh", "offboard.sh", "ssh-yubikey.sh", "story.sh", "team.sh", "with-virtual-yubikey.sh", "libymgr"}


def bill(package, file):
    return run(["/usr/bin/python3", "debian/sbom.py", package, file], cwd=TOP).stdout


@pytest.mark.parametrize("package, file", [("ymgr", RELEASE), ("ymgr-agentd", RELEASE.parent / "ymgr-agentd")])
def test_the_bill_of_materials_names_what_is_in_a_program(package, file):
    text = bill(package, file)
    assert text == bill(package, file)
    bom = json.loads(text)
    assert (bom["spdxVersion"], bom["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    own, *parts = bom["packages"]
    assert own["name"] == package
    wanted = {(own["SPDXID"], "DEPENDS_ON", part["SPDXID"]) for part in parts} | {("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"])}
    assert {(row["spdxElementId"], row["relationshipType"], row["relatedSpdxElement"]) for row in bom["relationships"]} == wanted
    for part in parts:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", part["SPDXID"])
        (reference,) = part["externalRefs"]
        assert re.fullmatch(r"pkg:deb/debian/[a-z0-9.%A-F-]+@[\w.~:%-]+\?arch=\w+&upstream=[\w.%-]+", reference["referenceLocator"])
        assert part["name"].endswith("-dev") == (part["comment"] == "compiled in"), part
    names = " ".join(part["name"] for part in parts)
    for library in ["libmicrohttpd", "libssl", "libsodium", *(["libcurl", "libpq", "libsqlite3"] if package == "ymgr" else ["libpcsclite"])]:
        assert library in names


def test_every_example_is_in_a_package_or_needs_the_virtual_yubikey():
    shipped = {line.removeprefix("examples/") for line in (TOP / "debian/ymgr.examples").read_text().split()}
    assert shipped | NOT_SHIPPED == {path.name for path in (TOP / "examples").iterdir()}
    assert not shipped & NOT_SHIPPED
    for path in [TOP / "README.md", *(TOP / "man").glob("*.[158]"), *(TOP / "examples").glob("*.sh")]:
        for name in re.findall(r"/usr/share/doc/ymgr/examples/([\w.-]+\w)", path.read_text().replace("\\-", "-")):
            assert name in shipped, path


def test_a_program_of_others_is_built_over_the_library(tmp_path):
    """By CMake's package and by pkg-config, from what the package libymgr-dev has."""
    env = {"PATH": PATH, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    run(["cmake", "--install", BUILD / "release", "--component", "dev", "--prefix", tmp_path / "usr"], env=env)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=a.example.com",
            "-addext", "subjectAltName=DNS:a.example.com", "-out", tmp_path / "request.pem")  # fmt: skip
    source, place = TOP / "examples/libymgr", tmp_path / "judge"
    run(["cmake", "-G", "Ninja", "-S", source, "-B", place, f"-DCMAKE_PREFIX_PATH={tmp_path}/usr"], env=env)
    run(["ninja", "-C", place], env=env, timeout=240)
    (description,) = (tmp_path / "usr").rglob("libymgr.pc")
    told = ["pkg-config", f"--define-variable=prefix={tmp_path}/usr", "--cflags", "--libs", "libymgr"]
    words = run(told, env=env | {"PKG_CONFIG_PATH": str(description.parent)}).stdout.split()
    run(["g++", "-std=c++20", source / "main.cpp", *words, "-o", place / "too"], env=env, timeout=240)
    for program in "judge", "too":
        assert run([place / program, tmp_path / "request.pem"], env=env).stdout.startswith("a.example.com: ec-p256, 90d")
    (archive,) = (tmp_path / "usr").rglob("libymgr.a")
    sources = {path.name for path in (TOP / "lib").glob("*/*.cpp")} - {"failpoint_on.cpp"}
    assert {name.removesuffix(".o") for name in run(["ar", "t", archive], env=env).stdout.split()} == sources


def test_each_installed_file_is_in_one_package(tmp_path):
    """As dh_install reads debian/*.install, where libraries stand in a folder of the architecture."""
    for component in [], ["--component", "dev"]:
        run(["cmake", "--install", BUILD / "release", "--prefix", tmp_path / "usr", *component])
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    packages = sorted((TOP / "debian").glob("*.install"))
    assert sorted(path.stem for path in packages) == ["libymgr-dev", "ymgr", "ymgr-agentd"]
    for package in packages:
        for line in package.read_text().splitlines():
            pattern = line.split()[0].replace("usr/lib/*/libymgr", "usr/lib/libymgr").replace("usr/lib/*/cmake", "usr/lib/cmake")
            pattern = pattern.replace("usr/lib/*/pkgconfig", "usr/lib/pkgconfig")
            taken = {path for path in left if fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/")}
            assert taken, f"{package.name}: {line}"
            left -= taken
    assert left == set()
