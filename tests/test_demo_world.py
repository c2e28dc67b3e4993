"""Harbor Club as a whole: it starts, switches, is attached to, goes dark, and leaves nothing behind."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import dns.message
import dns.query
import psutil
import pytest

from launchready_lib import demo, parameters
from launchready_lib.demo import faults, names
from launchready_lib.roadmap import load

pytestmark = pytest.mark.world


@pytest.fixture(scope="module")
def world():
    with demo.start() as running:
        yield running


@pytest.fixture(autouse=True)
def _healthy(request):
    yield
    if "world" in request.fixturenames:
        request.getfixturevalue("world").only()


def pid_of(world):
    return json.loads(world.state_file.read_text())["pid"]


def wait_until_gone(pid):
    try:
        psutil.Process(pid).wait(timeout=20)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def wire(world, address):
    host, _, port = parameters.load(world.parameters_file).network.connect_to[address].rpartition(":")
    return host, int(port)


def resolve(world, name, rdtype="A"):
    host, _, port = parameters.load(world.parameters_file).network.nameservers[0].rpartition(":")
    return dns.query.udp(dns.message.make_query(name, rdtype), host, port=int(port), timeout=5)


def test_its_parameters_file_is_valid_and_names_real_files(world):
    client = parameters.load(world.parameters_file)
    assert (client.domain, client.release) == (names.DOMAIN, "launch")
    assert client.authorization.allow
    paths = [client.network.ca_file, client.network.dnssec_anchor, client.hosting.zone_file]
    paths += [client.mail.inbox.maildir, client.monitoring.configuration, client.repository.path]
    paths += [*client.logs, client.query_log, client.runbook, *client.repository.chat_exports]
    paths += [client.webhooks.billing.events.activate, client.webhooks.billing.events.cancel]
    assert [path for path in paths if not Path(path).exists()] == []


def test_every_mapped_port_is_open(world):
    for address in parameters.load(world.parameters_file).network.connect_to:
        socket.create_connection(wire(world, address), timeout=5).close()


def test_secret_values_are_in_the_state_file_only(world):
    assert set(world.environment) == set(names.VARIABLES)
    text = world.parameters_file.read_text()
    for name, value in world.environment.items():
        assert value not in text
        assert f"${{{name}}}" in text
    assert stat.S_IMODE(world.state_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700


def test_a_switched_fault_shows_at_once_and_goes_at_once(world):
    before = world.parameters_file.read_text()
    world.switch("handover.access", True)
    world.switch("edge.proxied", True)
    assert world.faults == {"handover.access", "edge.proxied"}
    assert parameters.load(world.parameters_file).access.database.second is None
    assert resolve(world, names.API).answer[0][0].address == names.ORIGIN_ADDRESS
    world.switch("handover.access", False)
    assert world.faults == {"edge.proxied"}
    world.only()
    assert world.parameters_file.read_text() == before
    assert resolve(world, names.API).answer[0][0].address == names.EDGE_ADDRESS


def test_the_parameters_name_no_way_back_while_there_is_none(world):
    assert parameters.load(world.parameters_file).deploy.rollback_command
    world.only("rollback.path")
    deploy = parameters.load(world.parameters_file).deploy
    assert not deploy.rollback_command
    assert deploy.previous_release is None


def test_an_unknown_fault_is_refused_with_the_nearest_name(world):
    with pytest.raises(ValueError, match=r"did you mean 'mail\.spf'"):
        world.switch("mail.spff", True)


def test_another_process_attaches_by_the_state_file(world):
    code = "import sys; from launchready_lib import demo; demo.attach(sys.argv[1]).only('mail.spf')"
    subprocess.run([sys.executable, "-c", code, str(world.state_file)], check=True, timeout=60)
    assert world.faults == {"mail.spf"}


def test_a_wrong_token_is_refused(world, tmp_path):
    state = json.loads(world.state_file.read_text())
    forged = tmp_path / "state.json"
    forged.write_text(json.dumps(state | {"token": "guess"}))
    with pytest.raises(demo.WorldGoneError):
        demo.attach(forged)


@pytest.mark.parametrize("garbage", [b"\n", b"[]\n", b"{\n", b"\xff\xfe\n", b'{"token": []}\n', b"x" * 200_000 + b"\n"])
def test_garbage_on_the_control_port_changes_nothing(world, garbage):
    port = json.loads(world.state_file.read_text())["port"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(garbage)
            connection.makefile("rb").read()
        except ConnectionError:
            pass
    assert world.faults == frozenset()


def test_a_notebook_attaches_where_it_is_told_and_keeps_its_world(world, monkeypatch):
    monkeypatch.setenv(demo.STATE_VARIABLE, str(world.state_file))
    first = demo.for_notebook()
    assert first.parameters_file == world.parameters_file
    assert demo.for_notebook() is first


def test_servers_stop_while_names_resolve_and_then_all_is_gone(tmp_path):
    folder = tmp_path / "world"
    world = demo.start(release="prototype", folder=folder)
    pid = pid_of(world)
    assert world.faults == demo.PROTOTYPE
    assert parameters.load(world.parameters_file).release == "prototype"
    web = [wire(world, f"{names.EDGE_ADDRESS}:{port}") for port in (80, 443)]
    wires = [*web, wire(world, f"{names.MAIL_ADDRESS}:25"), wire(world, f"{names.RDAP_ADDRESS}:443")]
    world.stop_servers()
    for each in wires:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(each, timeout=5)
    assert resolve(world, names.DOMAIN).answer
    world.only()
    world.stop()
    world.stop()
    assert not psutil.pid_exists(pid)
    assert folder.exists()
    with pytest.raises(demo.WorldGoneError):
        demo.attach(world.state_file)


def test_a_world_ends_with_the_process_that_started_it():
    """Killed outright, the starter leaves neither a process nor a temporary folder."""
    code = (
        "import time; from launchready_lib import demo; w = demo.start(); "
        "print(w.state_file, flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with starter:
        state_file = Path(starter.stdout.readline().strip())
        pid = json.loads(state_file.read_text())["pid"]
        children = psutil.Process(pid).children(recursive=True)
        starter.kill()
    assert wait_until_gone(pid)
    assert psutil.wait_procs(children, timeout=10)[1] == []
    deadline = time.monotonic() + 10
    while state_file.parent.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not state_file.parent.exists()


def test_a_world_ends_with_its_starter_though_a_child_holds_the_pipe():
    code = (
        "import os, time; from launchready_lib import demo; w = demo.start(); print(w.state_file, flush=True)\n"
        "if os.fork() == 0: time.sleep(600)\n"
        "else: print(os.getpid(), flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    state_file = Path(starter.stdout.readline().strip())
    pid = json.loads(state_file.read_text())["pid"]
    starter.stdout.readline()
    (holder,) = [child for child in psutil.Process(starter.pid).children() if child.pid != pid]
    starter.kill()
    starter.wait()
    try:
        assert wait_until_gone(pid)
    finally:
        holder.kill()
        starter.stdout.close()


def test_interrupting_the_terminal_leaves_the_world_alone(world):
    """Ctrl-C reaches a terminal's foreground group; the world is in a session of its own."""
    assert os.getsid(pid_of(world)) != os.getsid(0)


def test_a_world_that_cannot_start_says_why(tmp_path):
    blocker = tmp_path / "world"
    blocker.mkdir()
    (blocker / "ca.pem").mkdir()
    with pytest.raises(demo.StartError, match=r"ca\.pem"):
        demo.start(folder=blocker)


def test_a_terminated_world_closes_cleanly(tmp_path):
    world = demo.start(folder=tmp_path / "world")
    os.kill(pid_of(world), signal.SIGTERM)
    assert world._process.wait(20) == 0
    world.stop()


CHECKS = load().checks


def test_every_fault_is_named_after_a_check():
    for fault in faults.FAULTS.values():
        assert fault.check in CHECKS
        assert fault.also.keys() <= CHECKS.keys()
        assert fault.check not in fault.also


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{check: mail.spff, text: two records}", r"no check 'mail\.spff'; did you mean 'mail\.spf'"),
        ("{check: mail.spf, text: two records, also: {mail.dkimm: fail}}", r"no check 'mail\.dkimm'"),
        ("{check: mail.spf, text: two records, also: {mail.dkim: red}}", r"web, mail\.spf: also\.mail\.dkim: Input"),
        ("{check: mail.spf}", r"web, mail\.spf: text: Field required"),
        ("{check: mail.spf, text: two records, prototyp: true}", "prototyp: Unexpected"),
        ("{text: two records}", "an entry without a check"),
        ("{check: mail.spf, text: two records}\n- {check: mail.spf, text: none}", "this check has a fault already"),
    ],
)
def test_a_wrong_entry_in_the_list_of_faults_is_named_with_what_is_wrong(entry, problem):
    with pytest.raises(ValueError, match=rf"faults\.yaml.*{problem}"):
        faults.read(f"web:\n- {entry}\n", CHECKS)


def test_the_prototype_is_a_no_go_by_what_is_wrong_with_it():
    checks = load().checks
    assert faults.FAULTS.keys() >= demo.PROTOTYPE
    assert any(checks[each].severity == "blocker" or checks[each].bar for each in demo.PROTOTYPE)
