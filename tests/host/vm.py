"""One virtual machine: a Debian root in QEMU, with EBS-like disks, that reaches a small AWS and nothing else."""

import base64
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# The metadata service's address is AWS's own. Everything else in this network drops what it gets, as a subnet without a
# route does.
METADATA, AWS = "169.254.169.254", "169.254.169.253"
# A boot takes half a minute without KVM on a quiet machine. This is a bound, not an expectation.
PATIENCE = 600
# Not every /dev/kvm works: a machine that is itself virtual may have one that starts no kernel.
ACCELERATOR = os.environ.get("HOST_ACCEL", "tcg")


class Machine:
    """`disks` are files, beside the root disk. The root disk stays in the folder `place`, for the next machine there."""

    def __init__(self, image, cloud, tls_port, place, disks=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=place))
        self.console_file = self.folder / "console"
        self.root = place / "root.qcow2"
        if not self.root.exists():
            subprocess.run(
                ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image / "root.ext4", self.root], check=True
            )
        relay = f"{sys.executable} {HERE / 'relay.py'}"
        network = (
            "user,id=net,net=169.254.169.0/24,restrict=on"
            f",guestfwd=tcp:{METADATA}:80-cmd:{relay} {cloud.port},guestfwd=tcp:{AWS}:443-cmd:{relay} {tls_port}"
        )
        command = [
            # A test that is killed leaves no machine for longer than this.
            "timeout", "--kill-after=10", "3600", "qemu-system-x86_64", "-machine", f"q35,accel={ACCELERATOR}", "-m", "768", "-display", "none",
            "-cpu", "host" if ACCELERATOR == "kvm" else "max",
            "-kernel", image / "vmlinuz", "-initrd", image / "initrd",
            "-append", f"root=LABEL=root rw console=ttyS0 ds=nocloud-net;s=http://{METADATA}/seed/",
            "-netdev", network, "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci",
            "-serial", f"file:{self.console_file}",
            "-serial", f"unix:{self.folder / 'shell'},server=on,wait=off",
        ]
        for number, (file, form) in enumerate([(self.root, "qcow2"), *((disk, "raw") for disk in disks)]):
            drive = f"file={file},format={form},if=none,id=disk{number},cache=unsafe,discard=unmap"
            command += ["-drive", drive, "-device", f"nvme,drive=disk{number},serial=vol{number}"]
        with (self.folder / "errors").open("w") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        self.shell = None

    def console(self):
        return self.console_file.read_text(errors="replace") if self.console_file.exists() else ""

    def wait(self, condition, what):
        """Polls until the condition gives something; a failure prints the end of the console."""
        end = time.monotonic() + PATIENCE
        while True:
            if found := condition():
                return found
            if self.process.poll() is not None:
                raise AssertionError(f"QEMU ended: {(self.folder / 'errors').read_text()}")
            if time.monotonic() > end:
                raise AssertionError(f"not within {PATIENCE} s: {what}\n{self.console()[-6000:]}")
            time.sleep(0.3)

    def wait_for_console(self, words, after=0):
        self.wait(lambda: words in self.console()[after:], f"the console says '{words}'")

    def run(self, command):
        """A command of root's; returns what it prints. The shell comes with each boot, so it may take a while."""
        return self.wait(lambda: self.attempt(command), f"the shell answers to: {command}")[1]

    def attempt(self, command):
        """(status, output), or nothing where the shell did not answer."""
        try:
            if self.shell is None:
                self.shell = socket.socket(socket.AF_UNIX)
                self.shell.connect(str(self.folder / "shell"))
            self.shell.settimeout(120)
            plain = f"export TERM=dumb SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0; {command}"
            packed = base64.b64encode(plain.encode()).decode()
            mark = f"{time.monotonic_ns()}"
            # The line may be echoed, so the marks are not whole in it.
            self.shell.sendall(f"stty -echo; echo BEGIN''{mark}; echo {packed} | base64 -d | bash 2>&1; echo; echo $?END''{mark}\n".encode())
            said = b""
            while f"END{mark}".encode() not in said:
                data = self.shell.recv(65536)
                if not data:
                    raise OSError("the line was closed")
                said += data
        except OSError:
            if self.shell is not None:
                self.shell.close()
            self.shell = None
            return None
        text = said.decode(errors="replace").replace("\r", "").partition(f"BEGIN{mark}\n")[2].partition(f"END{mark}")[0]
        output, _, status = text.rpartition("\n") if "\n" in text else ("", "", text)
        return int(status), output

    def unit(self, *names):
        """Properties of the unit, in the order of the names."""
        said = self.run("systemctl show etcd-asg " + " ".join(f"-p {name}" for name in names))
        found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        return tuple(found.get(name) for name in names)

    def wait_for_unit(self, state):
        self.wait(lambda: self.unit("ActiveState") == (state,), f"the unit is {state}")

    def boots(self):
        return self.console().count("Linux version ")

    def reboot(self):
        before = self.boots()
        self.attempt("systemctl reboot")
        self.wait(lambda: self.boots() > before, "the machine boots again")

    def power_off(self):
        """Ends the machine as EC2 stops one; the root disk stays, for another machine."""
        self.attempt("systemctl poweroff")
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            raise

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        if self.shell is not None:
            self.shell.close()
