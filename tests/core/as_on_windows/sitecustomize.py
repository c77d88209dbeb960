"""Python loads this when it starts with this folder in PYTHONPATH: it takes away what Windows lacks.

The names are those that typeshed has for other systems only, without those that the rest of the library needs here,
such as AF_UNIX and WNOHANG.
"""

import asyncio
import ctypes
import os
import signal
import socket
import sys
from typing import Any, NoReturn

MODULES = "fcntl grp pwd pty readline resource syslog termios tty"
NAMES = {
    os: "chown chroot confstr ctermid environb eventfd fchdir fchmod fchown fdatasync fork forkpty fpathconf "
    "fstatvfs get_blocking getegid getenvb geteuid getgid getgroups getloadavg getpgid getpgrp "
    "getpriority getresgid getresuid getsid getuid getxattr initgroups killpg lchown lockf memfd_create "
    "mkfifo mknod nice openpty pathconf pipe2 posix_fadvise posix_fallocate posix_spawn posix_spawnp "
    "pread preadv pwrite pwritev readv register_at_fork sched_getaffinity sched_setaffinity sched_yield "
    "sendfile set_blocking setegid seteuid setgid setpgid setpriority setsid setuid splice statvfs sync "
    "sysconf tcgetpgrp ttyname uname wait wait3 wait4 waitid writev",
    signal: "ITIMER_PROF ITIMER_REAL ITIMER_VIRTUAL SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL SIGPIPE "
    "SIGPROF SIGQUIT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU "
    "SIGXFSZ SIG_BLOCK SIG_SETMASK SIG_UNBLOCK alarm getitimer pause pthread_kill pthread_sigmask "
    "setitimer siginterrupt sigpending sigtimedwait sigwait sigwaitinfo",
    socket: "CMSG_LEN CMSG_SPACE SCM_RIGHTS SO_REUSEPORT recv_fds send_fds sethostname",
}
OF_LOOPS = "add_reader add_signal_handler add_writer"


def _refuse(*_arguments: object) -> NoReturn:
    raise NotImplementedError


class _NamedLibrary(ctypes.CDLL):
    def __init__(self, name: str | None, *arguments: Any, **options: Any) -> None:
        if name is None:
            raise TypeError("LoadLibrary() argument 1 must be str, not None")
        super().__init__(name, *arguments, **options)


for module, names in NAMES.items():
    for name in names.split():
        if hasattr(module, name):  # macOS lacks some of them too
            delattr(module, name)
for name in MODULES.split():
    sys.modules[name] = None  # type: ignore[assignment]  # the import fails
for name in OF_LOOPS.split():
    setattr(asyncio.SelectorEventLoop, name, _refuse)
ctypes.CDLL = _NamedLibrary  # type: ignore[misc]
