"""A network of its own for commands: a namespace whose one interface is a loopback, with a second address.

Run as a script in a new namespace, it configures the interface and becomes the command of its arguments.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence

ADDRESS = "192.0.2.1"
"""Of TEST-NET-1 (RFC 5737). Requests to it come from it, so they look like those of another machine."""
_NEW = ("unshare", "--map-root-user", "--net")
# Of <linux/sockios.h> and <linux/if.h>.
_SET_FLAGS, _SET_ADDRESS, _IS_UP = 0x8914, 0x8916, 0x1


def is_allowed() -> bool:
    """Return whether this user may create network namespaces on this machine."""
    try:
        return subprocess.run([*_NEW, "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0  # noqa: S603
    except FileNotFoundError:
        return False


def command_in_new_network(command: Sequence[str]) -> list[str]:
    """Return the command that starts another in a network of its own, in the same process."""
    return [*_NEW, sys.executable, "-P", __file__, *command]


def command_beside(pid: int, command: Sequence[str]) -> list[str]:
    """Return the command that starts another in the network of a process."""
    return ["nsenter", f"--target={pid}", "--user", "--preserve-credentials", "--net", *command]


def _configure() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", _IS_UP))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(ADDRESS))
        fcntl.ioctl(control, _SET_ADDRESS, struct.pack("16s16s", b"lo:1", address))


if __name__ == "__main__":
    _configure()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command of a test
