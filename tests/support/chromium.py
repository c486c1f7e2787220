"""A headless Chromium that tells what a page does: driven by its own protocol over two pipes, nothing is installed for it."""

import base64
import json
import os
import shutil
import subprocess
import tempfile

PROGRAMS = ("chromium-headless-shell", "chromium")

# Pixels of a screenshot, counted by the browser itself: how many colours, and how light they are on average.
LOOK = """
(async () => {
  const image = new Image();
  image.src = "data:image/png;base64,%s";
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, image.width, image.height).data;
  const colours = new Set();
  let light = 0;
  for (let i = 0; i < data.length; i += 4) {
    colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
    light += data[i] + data[i + 1] + data[i + 2];
  }
  return {width: image.width, height: image.height, colours: colours.size, light: light / (data.length / 4) / 765};
})()
"""


class Chromium:
    """`with Chromium() as browser: page = browser.open(path)`; what the page asked for and complained of stands in
    `browser.requests` and `browser.complaints`."""

    def __init__(self):
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        assert program, f"none of {PROGRAMS} is installed"
        self.folder = tempfile.TemporaryDirectory(prefix="ymgr-chromium-")
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        words = ["--headless", "--remote-debugging-pipe", f"--user-data-dir={self.folder.name}", "--no-first-run"]
        words += ["--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb", "--disable-dev-shm-usage"]
        if os.geteuid() == 0:
            words.append("--no-sandbox")  # which root cannot have
        shell = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
        argv = ["/bin/bash", "-c", shell, "bash", str(theirs_in), str(theirs_out), program, *words]
        env = {"PATH": os.environ["PATH"], "HOME": self.folder.name, "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            argv, pass_fds=(theirs_in, theirs_out), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._rest, self._session = 0, b"", None
        self.requests, self.complaints, self._loaded = [], [], 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._to)  # the end of the pipe ends the browser
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)
        self.folder.cleanup()

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _next(self):
        while b"\0" not in self._rest:
            piece = os.read(self._from, 1 << 20)
            assert piece, "Chromium has ended"
            self._rest += piece
        one, self._rest = self._rest.split(b"\0", 1)
        message = json.loads(one)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event, params):
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Page.loadEventFired":
            self._loaded += 1
        elif event == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif event in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Audits.issueAdded"):
            self.complaints.append(json.dumps(params))

    def open(self, path, width=1240, height=900):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "Audits", "Accessibility"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.requests, self.complaints, loaded = [], [], self._loaded
        self.call("Page.navigate", url=path.as_uri())
        while self._loaded == loaded:
            self._next()

    def resize(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def colours(self, scheme):
        """light or dark, as the person's system has it."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def ask(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def names(self, role):
        """What a screen reader says of everything that has this role."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [node.get("name", {}).get("value", "") for node in nodes if node.get("role", {}).get("value") == role]

    def screenshot(self, path):
        """The whole page as PNG. Returns its size, how many colours it has and how light it is (0 to 1)."""
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(picture))
        session = self._session
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        look = self.ask(LOOK % picture)
        self._session = session
        return look
