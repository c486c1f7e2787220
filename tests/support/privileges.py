"""README's table of every privilege, made from the REVIEW.md of `ymgr init --team --plan`.

    python3 tests/support/privileges.py     # writes it into README.md again
"""

import pathlib
import re
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- every privilege: tests/support/privileges.py -->\n", "<!-- end of every privilege -->\n"
ROLES = ["admin", "operator", "user", "auditor", "renewer"]
CONFIG = """vault: {address: "https://vault.corp.example:8200", ca_file: /etc/ymgr/ca.pem, domains: [corp.example, 10.0.0.0/8]}
database: {host: db.corp.example, name: ymgr, ca_file: /etc/ymgr/ca.pem}
"""


def review(program):
    """REVIEW.md of a team as README configures it."""
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "team.yaml")
        config.write_text(CONFIG)
        command = [program, "init", "--team", "--plan", f"{folder}/plan", "--create-ca", "-c", config]
        subprocess.run(command, check=True, capture_output=True)
        return pathlib.Path(folder, "plan/REVIEW.md").read_text()


def privileges(text):
    """Of Vault and of PostgreSQL: (who, what, why) of each line."""
    parts = text.split("\n## OpenBao or Vault\n")[1].split("\n## PostgreSQL\n")
    return [re.findall(r"^\| ([^|]+) \| `(.*)` \| (.*) \|$", part, re.M) for part in parts]


def role(name):
    return name.removeprefix("ymgr-").removeprefix("ymgr_")


def roles(names):
    known = [name for name in ROLES if name in names]
    return ", ".join((["everybody"] if known == ROLES else known) + [name for name in names if name not in ROLES])


def gathered(lines):
    """(roles, reason, what they may do), each reason of the same roles once."""
    who, what = {}, {}
    for names, right, why in lines:
        who.setdefault((why, right), []).extend(role(name) for name in names.split(", "))
    for (why, right), names in who.items():
        what.setdefault((roles(names), why), []).append(right)
    return [(names, why, rights) for (names, why), rights in what.items()]


def of_vault(rights):
    """Paths with the same capabilities together; what comes in kinds, once."""
    together = {}
    for right in rights:
        capabilities, _, rest = right.partition(" on ")
        path, _, limits = rest.partition("; ")
        path = re.sub(r"serial\d", "serial0…9", path)
        path = re.sub(r"-(ec|rsa|ed25519)$", "-(ec, rsa, ed25519)", path)
        paths = together.setdefault((capabilities, limits), [])
        if path not in paths:
            paths.append(path)
    return "; ".join(
        f"{capabilities} " + ", ".join(f"`{path}`" for path in paths) + (f" ({limits})" if limits else "")
        for (capabilities, limits), paths in together.items()
    )


def of_postgresql(rights):
    """Columns and conditions stand in REVIEW.md."""
    short = []
    for right in rights:
        rows = re.match(r"only these rows ON (\w+) FOR (\w+)", right)
        right = f"of {rows[1]} some rows only ({rows[2]})" if rows else re.sub(r" \([^()]*\)(?=,| ON)", " (…)", right)
        short.append(right)
    return "; ".join(short)


def table(program):
    """What stands in README between BEGIN and END."""
    text = ""
    for server, lines, wording in zip(("OpenBao or Vault", "PostgreSQL"), privileges(review(program)), (of_vault, of_postgresql)):
        text += f"\n| {server}: who | may | because |\n|---|---|---|\n"
        for names, why, rights in gathered(lines):
            text += f"| {names} | {wording(rights)} | {why} |\n"
    return text + "\n"


def main():
    readme = TOP / "README.md"
    head, _, rest = readme.read_text().partition(BEGIN)
    readme.write_text(head + BEGIN + table(TOP / "build/release/bin/ymgr") + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
