"""A headless Chromium, driven over the two pipes of its DevTools protocol. It needs no port, no driver and no package."""

import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

#: These options do not change the page: with them the browser calls no server of its own, and needs no display or sandbox.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
)
PATIENCE = 60


def find():
    """The Chromium to use: CHROMIUM, or else a usual name on PATH; None where neither is found."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


class Browser:
    """A browser with its own profile."""

    def __init__(self, program):
        self.profile = tempfile.TemporaryDirectory(prefix="etcd-asg-page-")
        to_browser, self.requests = os.pipe()
        self.answers, from_browser = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        command = ["sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh", program, *OPTIONS]
        command += [f"--user-data-dir={self.profile.name}"]
        self.process = subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.number = 0
        self.inbox = queue.Queue()
        self.events = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        self.reader.join(timeout=PATIENCE)
        os.close(self.requests)
        os.close(self.answers)
        self._remove_profile()

    def _remove_profile(self):
        """Chromium's helper processes may outlive it for a moment and still write into the profile."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            try:
                return self.profile.cleanup()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _read(self):
        left = b""
        while chunk := os.read(self.answers, 1 << 16):
            *messages, left = (left + chunk).split(b"\0")
            for message in messages:
                self.inbox.put(json.loads(message))
        self.inbox.put(None)

    def call(self, method, session=None, **parameters):
        """Sends one command and returns its result; events that arrive before the result are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.requests, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.inbox.get(timeout=PATIENCE)
            if answer is None:
                raise AssertionError(f"the browser ended at {method}")
            if answer.get("id") != self.number:
                self.events.append(answer)
            elif "error" in answer:
                raise AssertionError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def open(self, url, width=1280, height=1600):
        return Tab(self, url, width, height)


class Tab:
    """An open page. Its errors are the errors of the console, of the network and of its script."""

    def __init__(self, browser, url, width, height):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def value(self, expression):
        """The value of a JavaScript expression, as JSON."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def text(self, selector):
        """The visible text of the first element that matches; empty where no element matches."""
        return self.value(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def texts(self, selector):
        return self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText)")

    def names(self, selector):
        """What a screen reader reads for the elements that match."""
        return self.value(f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.getAttribute('aria-label'))")

    def count(self, selector):
        return self.value(f"document.querySelectorAll({json.dumps(selector)}).length")

    def press(self, key):
        """Presses a key whose name is also its code: Tab, ArrowRight, End."""
        numbers = {"Tab": 9, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=numbers[key])

    def wait_for(self, what, condition, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.text('body')[:3000]}\n{self.errors()}")
            time.sleep(0.1)
        return found

    def errors(self):
        """The console's errors and the uncaught exceptions, as text."""
        self.value("0")
        return [text for one in self.browser.events if one.get("sessionId") == self.session and (text := error_in(one))]


def error_in(event):
    parameters = event.get("params", {})
    if event["method"] == "Runtime.exceptionThrown":
        return f"exception: {parameters['exceptionDetails'].get('exception', {}).get('description')}"
    if event["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
        return f"console: {parameters['args']}"
    if event["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
        return f"{parameters['entry']['source']}: {parameters['entry']['text']}"
    return None
