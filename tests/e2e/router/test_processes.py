"""Several router processes behind one port: shared, watched, replaced, and drained together."""

import os
import signal
import subprocess
import urllib.request

from tests.e2e.router.support import RunningRouter, eventually, running

TWO = {"DISPATCH_PROCESSES": "2"}


def processes(router: RunningRouter) -> list[int]:
    """The process ids of the router's processes."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(router.process.pid)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return [int(line.split()[0]) for line in listed if "spawn_main" in line]


def served(router: RunningRouter) -> list[float]:
    """How many requests each process has served."""
    return [router.metric("dispatch_requests", process=str(index)) for index in range(2)]


def ready(router: RunningRouter) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{router.admin}/readyz", timeout=10) as response:
            return int(response.status) == 200
    except OSError:
        return False


def test_two_processes_share_port_and_numbers_and_drain_together() -> None:
    with running(environment=TWO) as router:
        eventually(lambda: ready(router))
        for _ in range(60):
            status, _ = router.request("/")
            assert status == 200
        # each connection is a draw between two: that all 60 go to one does not happen
        assert all(served(router))
        assert sum(served(router)) == 60
        assert router.stop() == 0


def test_a_process_that_dies_is_replaced_and_the_other_serves_meanwhile() -> None:
    with running(environment=TWO) as router:
        eventually(lambda: ready(router))
        first, second = processes(router)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: gone(first))
        status, _ = router.request("/")
        assert status == 200
        eventually(lambda: len(processes(router)) == 2 and ready(router))
        assert second in processes(router)
        assert router.stop() == 0


def test_no_process_outlives_its_supervisor() -> None:
    with running(environment=TWO) as router:
        left = processes(router)
        assert len(left) == 2
        router.process.kill()
        router.process.wait()
        eventually(lambda: not any(alive(pid) for pid in left))


def gone(pid: int) -> bool:
    """Whether the process has been reaped. Until then its socket may listen: what the kernel gives it is reset."""
    return not os.path.exists(f"/proc/{pid}")


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
