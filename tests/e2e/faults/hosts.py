"""Two hosts on one machine: network namespaces with names of their own, joined by a link that a test can cut or make bad.

Nothing of it is mocked: ranks of the two hosts see each other through TCP over the link only, as mpirun and its daemons do.
"""
import fcntl
import heapq
import os
import pathlib
import random
import re
import select
import shlex
import signal
import struct
import subprocess
import threading
import time

import support

NETWORK = "10.0.0"  # seen inside the namespaces only
NAMES = ("a", "b")
DEVICE = "eth0"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def allowed():
    """Whether namespaces may be made here: it takes root, and not every container lets it."""
    name = f"vox-{os.getpid()}-try"
    try:
        if ip("netns", "add", name, check=False).returncode:
            return False
        made = ip("netns", "exec", name, "unshare", "--uts", "hostname", name, check=False).returncode == 0
        ip("netns", "del", name)
        return made and os.access("/dev/net/tun", os.R_OK | os.W_OK)
    except OSError:
        return False


def processes_in(namespace):
    return [int(word) for word in ip("netns", "pids", namespace, check=False).stdout.split()]


def name_of(process):
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_text().split("\0")[0]
    except OSError:
        return ""  # gone meanwhile


def remove(namespace):
    for process in processes_in(namespace):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    ip("netns", "del", namespace, check=False)


def remove_leftovers():
    """What a test that was killed left behind.  Those of a test that runs beside this one stay."""
    for name in re.findall(r"^vox-\d+-\w+", ip("netns", "list", check=False).stdout, re.MULTILINE):
        if not pathlib.Path(f"/proc/{name.split('-')[1]}").exists():
            remove(name)


class Wire(threading.Thread):
    """A link in user space, because a kernel may lack `tc netem`: carries packets between two TUN devices with a delay, at a rate,
    without some of them, or, while it is silent, without any: no error reaches anybody, as when a switch fails."""

    def __init__(self, devices, delay_s=0.0, bytes_per_s=0.0, loss=0.0):
        super().__init__(daemon=True)
        self.ends = [self.open_end(name) for name in devices]
        self.delay_s, self.bytes_per_s, self.loss = delay_s, bytes_per_s, loss
        self.silent = self.over = False
        self.carried = self.lost = 0
        self.chance = random.Random(0)

    @staticmethod
    def open_end(name):
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        return end

    def fall_silent(self):
        self.silent = True

    def speak(self):
        self.silent = False

    def run(self):
        queue, free_at, number = [], [0.0, 0.0], 0
        while not self.over:
            wait = max(0.0, queue[0][0] - time.monotonic()) if queue else 0.2
            for end in select.select(self.ends, [], [], wait)[0]:
                side, packet = self.ends.index(end), os.read(end, 65536)
                if self.silent or self.chance.random() < self.loss:
                    self.lost += 1
                    continue
                now = time.monotonic()
                if self.bytes_per_s:
                    free_at[side] = now = max(now, free_at[side]) + len(packet) / self.bytes_per_s
                number += 1  # packets of one time stay in order
                heapq.heappush(queue, (now + self.delay_s, number, self.ends[1 - side], packet))
            while queue and queue[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(queue)
                os.write(end, packet)
                self.carried += 1
        for end in self.ends:
            os.close(end)


class Hosts:
    """`with Hosts(folder) as hosts:` two hosts, vox-a and vox-b.  `wire`: keys of Wire, for a link that is worse than a cable.
    Whatever still runs on them afterwards is killed, and they are gone."""

    def __init__(self, folder, **wire):
        self.folder, self.wire_options, self.wire = pathlib.Path(folder), wire, None
        self.namespaces = [f"vox-{os.getpid()}-{name}" for name in NAMES]

    def __enter__(self):
        remove_leftovers()
        try:
            self.make()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def make(self):
        for namespace in self.namespaces:
            ip("netns", "add", namespace)
        if self.wire_options:
            devices = [f"vox{os.getpid()}{name}" for name in NAMES]
            self.wire = Wire(devices, **self.wire_options)
            for device, namespace in zip(devices, self.namespaces):
                ip("link", "set", device, "netns", namespace, "name", DEVICE)
        else:
            ip("link", "add", DEVICE, "netns", self.namespaces[0], "type", "veth", "peer", "name", DEVICE, "netns", self.namespaces[1])
        for number, namespace in enumerate(self.namespaces):
            ip("-n", namespace, "addr", "add", f"{NETWORK}.{number + 1}/24", "dev", DEVICE)
            ip("-n", namespace, "link", "set", "lo", "up")
        self.link("up")
        if self.wire:
            self.wire.start()
        # What mpirun calls in place of ssh: HOST COMMAND.
        self.agent = self.folder / "agent.sh"
        self.agent.write_text("#!/bin/sh\ncase $1 in\n" + "".join(
            f"{NETWORK}.{number + 1}) shift; exec {shlex.join(self.on(number))} sh -c \"$*\" ;;\n" for number in (0, 1)) +
            "esac\necho \"no host $1\" >&2; exit 1\n")
        self.agent.chmod(0o755)

    def remove(self):
        if self.wire:
            self.wire.over = True
            self.wire.join() if self.wire.is_alive() else None
        for namespace in self.namespaces:
            remove(namespace)

    def on(self, number):
        """In front of a command: on that host, under its name; else Open MPI takes both for one."""
        return ["ip", "netns", "exec", self.namespaces[number], "unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"',
                f"vox-{NAMES[number]}"]

    def link(self, state):
        for namespace in self.namespaces:
            ip("-n", namespace, "link", "set", DEVICE, state)

    def processes(self, program=""):
        """Of that program, or all."""
        return [process for namespace in self.namespaces for process in processes_in(namespace)
                if name_of(process).endswith(program)]

    def command(self, ranks, program, *arguments):
        """mpirun on vox-a, with half of the ranks on either host."""
        mca = {"plm_rsh_agent": self.agent, "btl": "tcp,self", "btl_tcp_if_include": f"{NETWORK}.0/24",
               "oob_tcp_if_include": f"{NETWORK}.0/24"}
        words = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-np", ranks,
                 "--host", ",".join(f"{NETWORK}.{number + 1}:{ranks // 2}" for number in (0, 1))]
        for key, value in mca.items():
            words += ["--mca", key, value]
        return self.on(0) + [str(word) for word in [*words, support.BIN / program, *arguments]]
