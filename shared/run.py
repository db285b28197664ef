"""Running the product: one service alone, or all of them on one machine under a small supervisor.

`acm run` keeps three kinds of processes in its process group: itself, a group of gunicorn web processes and
one worker. It holds the listening socket, so that a request waits, rather than fails, while a web process
that died is replaced.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from gunicorn.app.base import BaseApplication

from shared import db
from shared.config import Settings
from shared.gateway import Wsgi, dispatcher
from shared.service import Runtime, Service
from shared.worker import Worker

ROOT_SERVICE = "portal"
RESTART_SECONDS = 0.2
GRACE_SECONDS = 10
REQUEST_SECONDS = 60
END_SECONDS = 8.0
"""How long a worker's threads may take to end; whoever stops a container kills it after 10 s."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of mallopt(3)
_LARGE_BYTES = 128 * 1024  # where glibc starts, too


def web_app(services: Sequence[Service], settings: Settings) -> Wsgi:
    """The web app of one service, or of several behind the embedded gateway."""
    apps = {service.name: Runtime(service, settings).web() for service in services}
    if len(apps) == 1:
        return next(iter(apps.values()))
    return dispatcher(apps, root=ROOT_SERVICE)


def serve(services: Sequence[Service], settings: Settings, *, listener: socket.socket | None = None) -> None:
    """Serve until told to stop. Threads, so that an idle browser connection holds nobody up."""
    _keep_little_memory()
    bind = f"{settings.host}:{settings.port}" if listener is None else f"fd://{listener.fileno()}"
    options = {
        "bind": bind,
        "workers": settings.web_processes,
        "threads": settings.web_threads,
        "worker_class": "gthread",
        "preload_app": settings.web_processes > 1,  # alone, it need not share its app with its parent
        "timeout": REQUEST_SECONDS,
        "graceful_timeout": GRACE_SECONDS,
        "keepalive": 5,
        "control_socket_disable": True,
        "loglevel": "warning",
        "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
        "pre_fork": lambda _server, _worker: gc.freeze(),
        "child_exit": _forget_metrics,
    }
    _Gunicorn(lambda: web_app(services, settings), options).run()


def work(services: Sequence[Service], settings: Settings) -> None:
    """Consume, chain the audit trail and run tasks until told to stop."""
    _keep_little_memory()
    runtimes = [Runtime(service, settings) for service in services]
    for running in runtimes:
        if running.service.started is not None:
            running.service.started(running)
    workers = [Worker(running) for running in runtimes]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for worker in workers:
        worker.start()
    stop.wait()
    for worker in workers:
        worker.stop()
    deadline = time.monotonic() + END_SECONDS
    for worker in workers:
        worker.wait(deadline)


class Supervisor:
    """Starts the web processes and the worker, replaces what dies, ends all of them with itself."""

    def __init__(self, services: Sequence[Service], settings: Settings) -> None:
        self._services = services
        self._settings = settings
        self._listener = _listen(settings)
        self._children: dict[int, tuple[str, Callable[[], None]]] = {}
        self._once = ""
        self._stopping = False

    def start(self, once: str, body: Callable[[], None]) -> None:
        """Fork both, and beside them something that is done once, after which its process is gone.

        `ACM_HOME/web.pid` and `worker.pid` tell an operator which process is which.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        for service in self._services:
            if service.warm is not None:
                service.warm()
        gc.collect()
        gc.freeze()  # what is loaded by now stays shared between the processes
        self._fork("worker", lambda: work(self._services, self._settings))
        self._fork("web", lambda: serve(self._services, self._settings, listener=self._listener))
        self._once = once
        self._fork(once, body)

    def watch(self) -> int:
        """Replace children that die until told to stop; answers the exit status."""
        while self._children:
            try:
                pid, status = os.waitpid(-1, 0)
            except (InterruptedError, ChildProcessError):
                continue
            name, body = self._children.pop(pid, ("", None))
            if body is None or self._stopping or (name == self._once and status == 0):
                continue
            print(f"acm: {name} ended ({_ending(status)}); starting it again", file=sys.stderr, flush=True)
            time.sleep(RESTART_SECONDS)
            self._fork(name, body)
        return 0

    def _fork(self, name: str, body: Callable[[], None]) -> None:
        pid = os.fork()
        if pid:
            self._children[pid] = (name, body)
            (self._settings.home / f"{name}.pid").write_text(str(pid))
            return
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            db.forget_databases()
            _end_with_parent()
            body()
            os._exit(0)
        except SystemExit as leaving:
            os._exit(int(leaving.code or 0))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _stop(self, *_: Any) -> None:
        self._stopping = True
        for pid in list(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def prepare(services: Sequence[Service], settings: Settings, say: Callable[[str], None]) -> None:
    """Bring every database to this version's schema, and set up what else a service needs. Run it before
    anything serves."""
    from shared.migrations import migrate  # 12 MB that nobody needs who serves

    settings.home.mkdir(parents=True, exist_ok=True)
    for service in services:
        if migrate(service, settings):
            say(f"{service.name}: database ready")
        if service.prepare is not None:
            service.prepare(settings)


def prepare_metrics(settings: Settings) -> None:
    """Give the metrics of all processes an empty folder. Must come before prometheus_client is imported."""
    folder = settings.home / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def in_child(body: Callable[[], None]) -> bool:
    """Run something in a forked process, so that what it loads and opens is gone with it."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            body()
            status = 0
        except SystemExit as leaving:
            status = int(leaving.code or 0)
        except BaseException as error:
            print(f"acm: {error}", file=sys.stderr)
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def _listen(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, settings.port))
    listener.listen(512)
    listener.set_inheritable(True)
    return listener


def _end_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _keep_little_memory() -> None:
    # glibc gives each thread a heap of its own and keeps it: the index writer's short-lived threads would
    # leave 15 MB behind at each commit, up to 250 MB. Two heaps do. It would also learn from the first large
    # block that is freed to keep such blocks: a worker that had filled the demo held 35 MB more than it used.
    # Elsewhere there are no such settings.
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"status {os.waitstatus_to_exitcode(status)}"


def _forget_metrics(_server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn with options from here and none from files or the command line."""

    def __init__(self, make: Callable[[], Wsgi], options: dict[str, Any]) -> None:
        self._make = make
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Take our options; those that this gunicorn does not know are left."""
        for name, value in self._options.items():
            if name in self.cfg.settings and value is not None:
                self.cfg.set(name, value)

    def load(self) -> Wsgi:
        """Build the app once, before the web processes are forked."""
        return self._make()
