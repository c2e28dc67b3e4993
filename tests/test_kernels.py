"""Warm kernels are real and isolated, like the stock ones in all that a notebook sees, and leave nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from launchready_lib.run.kernels import forkserver, processes, provisioner, warm
from launchready_lib.run.kernels.manager import WarmKernelManager

NOTEBOOKS = Path(__file__).parent / "notebooks"
linux = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture(scope="module", autouse=True)
def _prepared():
    warm.prepare()
    yield
    warm.close()


@pytest.fixture
def cold(monkeypatch):
    """A process in which nothing can be forked."""
    monkeypatch.setattr(warm, "server", lambda: None)


def run(name, **parameters):
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    values = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    notebook.cells[1].source += f"\n{values}"
    client = NotebookClient(notebook, kernel_manager_class=WarmKernelManager, kernel_name="python3")
    client.execute()
    return ["".join(o.get("text", "") for o in cell.get("outputs", [])) for cell in notebook.cells]


def gone(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE or psutil.wait_procs([process], timeout=10)[1] == []
    return True


def left(folder):
    """What is left of a kernel: itself, what it started, the server that forked it if told, its sockets' folder.

    The server is waited for before the folder, which it removes last.
    """
    kernel, child, connection_file, *server = (folder / "spawned").read_text().split()
    processes_left = [pid for pid in (kernel, child, *server) if not gone(int(pid))]
    return processes_left + [each for each in [Path(connection_file).parent] if each.exists()]


@linux
def test_a_kernel_is_a_child_of_the_server(tmp_path):
    run("tells", record=str(tmp_path))
    assert int((tmp_path / "parent").read_text()) == warm.server().process.pid


@linux
def test_forked_and_stock_kernels_look_alike(monkeypatch, tmp_path):
    """Working directory, arguments, environment, import path, session and signals are those of a stock kernel."""
    monkeypatch.setenv("TOLD", "by the environment")
    monkeypatch.chdir(tmp_path)
    forked = run("tells")
    with monkeypatch.context() as patch:
        patch.setattr(provisioner, "kernel_arguments", lambda _: None)
        stock = run("tells")
    assert forked[2].splitlines()[0].startswith(f"{tmp_path} ")
    assert (forked[2], forked[4]) == (stock[2], stock[4])


@linux
def test_forked_kernels_do_not_share_their_random_numbers():
    assert run("tells")[3] != run("tells")[3]


@linux
def test_a_module_changed_in_one_kernel_is_whole_in_the_next():
    """Isolation: a notebook may break what it likes, for itself."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import pandas; pandas.DataFrame = None")])
    NotebookClient(notebook, kernel_manager_class=WarmKernelManager, kernel_name="python3").execute()
    assert "found" in run("passes")[2]


@linux
def test_what_a_cell_wrote_to_a_file_that_it_left_open_is_kept(tmp_path):
    file = tmp_path / "notes.txt"
    cell = nbformat.v4.new_code_cell(f"left_open = open({str(file)!r}, 'w')\nleft_open.write('found')")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, kernel_manager_class=WarmKernelManager, kernel_name="python3").execute()
    assert file.read_text() == "found"


@pytest.mark.usefixtures("cold")
def test_where_nothing_can_be_forked_the_stock_kernel_runs():
    assert run("passes")[2] == "found\n"


@linux
def test_a_server_that_died_is_replaced_by_stock_kernels(monkeypatch):
    monkeypatch.setattr(warm, "_refused", None)
    server = warm.server()
    server.process.kill()
    server.process.wait()
    assert run("passes")[2] == "found\n"
    warm.prepare()
    assert warm.server() is None
    monkeypatch.undo()
    warm.prepare()
    assert warm.server() is not None


@linux
def test_a_kernel_that_is_killed_is_reported_dead():
    with pytest.raises(DeadKernelError):
        run("dies")


@pytest.mark.parametrize("way", ["forked", "stock"])
def test_what_a_kernel_leaves_behind_goes_with_it(way, tmp_path, request):
    """Browsers lead sessions of their own; they are found by the mark in their environment."""
    if way == "stock":
        request.getfixturevalue("cold")
    run("abandons", record=str(tmp_path))
    assert left(tmp_path) == []


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda n: n.name)
def test_no_process_survives_the_one_that_ran_it(number, tmp_path):
    program = f"""
        from pathlib import Path
        import nbformat
        from nbclient import NotebookClient
        from launchready_lib.run.kernels import warm
        from launchready_lib.run.kernels.manager import WarmKernelManager
        warm.prepare()
        notebook = nbformat.read({str(NOTEBOOKS / "spawns.ipynb")!r}, as_version=4)
        notebook.cells[1].source += "\\nrecord = {str(tmp_path)!r}"
        NotebookClient(notebook, kernel_manager_class=WarmKernelManager, kernel_name="python3").execute()
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stderr=subprocess.DEVNULL) as process:
        wait_for(tmp_path / "spawned", process)
        process.send_signal(number)
        process.wait(30)
    assert left(tmp_path) == []


def wait_for(file, process):
    while not (file.exists() and file.read_text()):
        assert process.poll() is None, "it ended too early"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


@linux
def test_a_server_with_more_than_one_thread_does_not_fork(monkeypatch):
    """A lock that another thread held would be held in the child for ever."""
    ours, theirs = warm.socket.socketpair(warm.socket.AF_UNIX, warm.socket.SOCK_SEQPACKET)
    monkeypatch.setattr(forkserver, "_threads", lambda: 2)
    control, asking = warm.socket.socketpair(warm.socket.AF_UNIX, warm.socket.SOCK_SEQPACKET)
    warm.socket.send_fds(asking, [b'{"argv": [], "env": {}, "cwd": "/", "folder": null}'], [theirs.fileno()])
    with forkserver.selectors.DefaultSelector() as selector:
        assert forkserver.Server(control)._request(selector) == (True, None)
    assert b"2 threads" in ours.recv(100)
    for each in (ours, theirs, control, asking):
        each.close()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ([sys.executable, "-m", "ipykernel_launcher", "-f", "c.json"], ["-f", "c.json"]),
        ([sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "c.json"], ["-f", "c.json"]),
        (["/usr/bin/another-python", "-m", "ipykernel_launcher", "-f", "c.json"], None),
        ([sys.executable, "-m", "xeus_python", "-f", "c.json"], None),
        ([sys.executable, "wrapper.py", "-m", "ipykernel_launcher"], None),
        ([], None),
    ],
    ids=["stock", "stock with an option", "another Python", "another kernel", "a wrapper", "nothing"],
)
def test_only_this_pythons_own_ipykernel_is_forked(command, expected):
    assert provisioner.kernel_arguments(command) == expected


def test_only_marked_processes_are_swept():
    command = ["sleep", "600"]
    with (
        subprocess.Popen(command, env=os.environ | {processes.MARK: "mine"}) as mine,
        subprocess.Popen(command, env=os.environ | {processes.MARK: "other"}) as other,
    ):
        processes.sweep("mine")
        assert gone(mine.pid)
        assert other.poll() is None
        other.kill()
