"""A vendor of ymgr, who makes licences with examples/license.sh."""

from harness import PATH, TOP, run


class Vendor:
    def __init__(self, folder, name):
        self.folder, self.key = folder, folder / f"{name}.pem"
        said = self.tool("keygen", self.key).stdout
        self.inline = said.split('"')[1]

    def tool(self, *words, exit=0):
        return run([TOP / "examples/license.sh", *words], exit=exit, env={"PATH": PATH, "HOME": "/nonexistent"})

    def license(self, installation, name, **options):
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        told = ["--installation", installation, "--customer", "Exämple GmbH", "--id", name]
        path = self.folder / name
        path.write_text(self.tool("sign", self.key, *told, *words).stdout)
        return path
