"""The pytest plugin as people's own suites have it: its fixtures, its marks, and what a failure tells."""

from __future__ import annotations

import re
import socket
import textwrap
from urllib.parse import urlsplit

import pytest
from test_testing import PYTEST, run

from dtmf_audio.testing_report import Watch, tell

# The fixtures, used as anybody would


def test_calls_in_process(graph_calls):
    call = graph_calls.establish()
    call.send_dtmf_tones("12#", delay_between_tones_ms=100)
    call.far_end.press("7")
    graph_calls.wait_until(lambda: call.far_end.keys == "12#")
    assert [tone.tone for tone in call.bot.received] == ["tone7"]


@pytest.mark.graph_calls(seed=5)
def test_a_mark_sets_the_seed(graph_calls):
    from dtmf_audio.graph import Switchboard

    assert graph_calls.establish().id == Switchboard(seed=5).establish().id


def test_the_clock_of_the_emulator_is_virtual(graph_emulator):
    call = graph_emulator.establish()
    call.press("7")
    graph_emulator.wait_until(lambda: [tone.tone for tone in call.received] == ["tone7"])


@pytest.mark.graph_emulator(status_case="PascalCase", seed=4)
class TestMarks:
    @pytest.mark.graph_emulator(clock="real", seed=5)
    def test_those_of_the_test_go_before_those_of_its_class(self, graph_emulator):
        settings = graph_emulator.settings
        assert (settings.status_case, settings.clock, settings.seed) == ("PascalCase", "real", 5)


# What a suite sees

FAILING = """
import httpx
import pytest

def send(emulator, call, **body):
    url = f"{emulator.base_url}/communications/calls/{call.id}/sendDtmfTones"
    return httpx.post(url, json=body)

def test_emulator(graph_emulator):
    print(f"ADDRESS {graph_emulator.url}")
    call = graph_emulator.establish(callback_uri="http://192.0.2.1/api/calling")
    send(graph_emulator, call, tones=["1"])
    send(graph_emulator, call, tones=["tone1", "tone2", "pound"], delayBetweenTonesMs=100, clientContext="menu")
    call.press("2")
    graph_emulator.advance(450)
    call.hang_up()
    graph_emulator.advance(1000)
    assert call.id == ""

def test_calls(graph_calls):
    call = graph_calls.establish(media="serviceHosted")
    call.subscribe_to_tone(client_context="keys")
    call.far_end.press("123456789012")
    graph_calls.wait_until(lambda: call.far_end.keys == "9", timeout_s=6, what="the key 9")

@pytest.fixture
def bot(graph_emulator):
    raise RuntimeError("the bot does not start")

def test_bot(bot):
    pass

@pytest.fixture
def bot_that_does_not_stop(graph_emulator):
    yield
    raise RuntimeError("the bot does not stop")

def test_teardown(bot_that_does_not_stop):
    pass

def test_passing(graph_calls):
    graph_calls.establish()

@pytest.mark.xfail
def test_expected(graph_calls):
    assert 0

def test_other():
    assert 0

@pytest.mark.graph_emulator(cloc="real")
def test_unknown_setting(graph_emulator):
    pass

@pytest.mark.graph_calls(speed=1)
def test_unknown_argument(graph_calls):
    pass

@pytest.mark.graph_calls(5)
def test_unnamed_setting(graph_calls):
    pass
"""


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """Return what pytest tells of each test of a suite that fails, by the test's name."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_bot.py").write_text(FAILING)
    result = run([*PYTEST, "--strict-markers", "-W", "error", "-ra", "test_bot.py"], folder)
    assert result.returncode == 1, result.stderr
    assert re.search(r"= 3 failed, 2 passed, 1 xfailed, 5 errors in ", result.stdout), result.stdout
    parts = re.split(r"^_{3,} (?:ERROR at (?:setup|teardown) of )?(\w+) _{3,}$", result.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def section(told, fixture):
    """Return the plugin's section, its ids made equal."""
    (found,) = re.findall(rf"^-+ Microsoft Graph calls \({fixture}\) -+\n(.*?)(?=^[-=_]{{3,}}|\Z)", told, re.M | re.S)
    found = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", found)
    found = re.sub(r"(tones\[0\]: '1' is not a tone name).*", r"\1 …", found)
    return re.sub(r"(sendDtmfTones|subscribeToTone) [0-9a-f]{8}", r"\1 OP", found).rstrip("\n")


def test_a_failure_tells_what_went_on_in_the_emulator(failures):
    assert section(failures["test_emulator"], "graph_emulator") == textwrap.dedent("""\
        the clock stands at 1.650 s

        call ID: outgoing, appHosted media, terminated: The call was ended by the other side.
          operations
            sendDtmfTones OP, completed, mediaOperationCanceled, clientContext 'menu'
          tones
            the bot sent             1 at 0.200, 2 at 0.400, # at 0.600 s
            the far end heard        1 at 0.200, 2 at 0.400, # at 0.600 s
            the far end pressed      2 at 0.200 s
            the bot's side heard     2 at 0.200 s
            the bot was told         2 at 0.200 s
          notifications
            0.100 s  updated call establishing
            0.200 s  updated call established
            0.650 s  deleted sendDtmfTones OP, completed, mediaOperationCanceled, clientContext 'menu'
            0.650 s  updated call terminating
            0.750 s  deleted call terminated

        requests
          400 POST /v1.0/communications/calls/ID/sendDtmfTones
              tones[0]: '1' is not a tone name …
              {"tones":["1"]}
          200 POST /v1.0/communications/calls/ID/sendDtmfTones

        notifications that the bot did not take
          0.100 s  updated call establishing
              to http://192.0.2.1/api/calling: 192.0.2.1 is not this machine; allow the host by name to have it called
          0.200 s  updated call established
              to http://192.0.2.1/api/calling: 192.0.2.1 is not this machine; allow the host by name to have it called
          0.650 s  deleted sendDtmfTones OP, completed, mediaOperationCanceled, clientContext 'menu'
              to http://192.0.2.1/api/calling: 192.0.2.1 is not this machine; allow the host by name to have it called
          0.650 s  updated call terminating
              to http://192.0.2.1/api/calling: 192.0.2.1 is not this machine; allow the host by name to have it called
          0.750 s  deleted call terminated
              to http://192.0.2.1/api/calling: 192.0.2.1 is not this machine; allow the host by name to have it called""")  # fmt: skip


def test_the_emulator_is_stopped_after_a_failure(failures):
    address = urlsplit(re.search(r"^ADDRESS (\S+)$", failures["test_emulator"], re.M).group(1))
    with socket.socket() as client:
        assert client.connect_ex((address.hostname, address.port)) != 0


def test_a_failure_tells_what_went_on_in_process(failures):
    told = section(failures["test_calls"], "graph_calls")
    assert told.startswith("the clock stands at 6.200 s\n\ncall ID: outgoing, serviceHosted media, established\n")
    assert "    subscribeToTone OP, completed, clientContext 'keys'\n" in told
    assert "    the far end pressed      … 2 more, 3 at 0.600, 4 at 0.800, 5 at 1.000, " in told
    assert "  notifications\n    … 6 notifications before these\n" in told
    assert told.endswith("2.580 s  updated tone tone2 (12)")


def test_the_line_that_waits_is_shown(failures):
    assert ">       graph_calls.wait_until(" in failures["test_calls"]
    assert "E       TimeoutError: the key 9 did not come true within 6 s of the virtual clock" in failures["test_calls"]
    assert "switchboard.py" not in failures["test_calls"]


@pytest.mark.parametrize("name", ["test_bot", "test_teardown"])
def test_a_failure_before_or_after_the_test_tells_too(failures, name):
    assert section(failures[name], "graph_emulator") == (
        "the clock stands at 0.000 s\nthere was no call\n\nthere was no request"
    )


def test_other_tests_are_left_alone(failures):
    assert "Microsoft Graph" not in failures["test_other"]
    assert "test_passing" not in failures
    assert "test_expected" not in failures


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_unknown_setting", "graph_emulator: cloc is no setting of the emulator; it has allowed_hosts, calls, clock"),
        ("test_unknown_argument", "graph_calls: Switchboard.__init__() got an unexpected keyword argument 'speed'"),
        ("test_unnamed_setting", "graph_calls: the mark takes settings by name, such as seed=1, not (5,)"),
    ],
)  # fmt: skip
def test_wrong_marks_say_so(failures, name, message):
    assert failures[name].strip().startswith(message)


def test_without_the_extra_it_fails_with_what_to_install(tmp_path):
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['uvicorn'] = None\n")
    (tmp_path / "test_bot.py").write_text("def test_bot(graph_emulator): pass\n\ndef test_calls(graph_calls): pass\n")
    result = run([*PYTEST, "test_bot.py"], tmp_path)
    assert (
        "graph_emulator: Emulator needs uvicorn, which is not installed; run: pip install 'dtmf-audio[emulator]'"
        in (result.stdout)
    )
    assert "1 passed, 1 error" in result.stdout


def test_the_marks_and_fixtures_are_listed(tmp_path):
    marks = run([*PYTEST, "--markers"], tmp_path).stdout
    assert "@pytest.mark.graph_emulator(**settings): " in marks
    assert "@pytest.mark.graph_calls(**settings): " in marks
    fixtures = run([*PYTEST, "--fixtures"], tmp_path).stdout
    assert "Microsoft Graph's calls on a free port of this machine, on a virtual clock" in fixtures


def test_pytest_starts_without_what_the_fixtures_need(tmp_path):
    (tmp_path / "test_light.py").write_text(
        "import sys\n\ndef test_light(pytestconfig):\n"
        "    assert 'dtmf_audio.testing_plugin' in sys.modules\n"
        "    assert not {'numpy', 'scipy', 'soundfile', 'uvicorn', 'starlette', 'httpx', 'dtmf_audio.testing',\n"
        "                'dtmf_audio.graph', 'dtmf_audio.testing_report'} & set(sys.modules)\n"
    )
    result = run([*PYTEST, "-W", "error", "test_light.py"], tmp_path)
    assert result.returncode == 0, result.stdout


# The report itself


def test_a_call_that_rings_and_one_that_was_forgotten(graph_calls):
    watch = Watch(graph_calls)
    assert tell(watch) == "the clock stands at 0.000 s\nthere was no call"
    ringing = graph_calls.calls.ring(callback_uri="http://127.0.0.1:9/")
    assert tell(watch).splitlines()[2:] == [
        f"call {ringing.id}: incoming, incoming",
        "  notifications",
        "    0.000 s  created call incoming",
    ]
    for _ in range(5):
        graph_calls.create().delete()
    assert tell(watch).splitlines()[1] == "    … 1 calls before these"


@pytest.mark.graph_calls(record_s=0)
def test_without_a_recording_it_tells_what_was_heard(graph_calls):
    call = graph_calls.establish()
    call.far_end.press("5")
    graph_calls.advance(500)
    told = tell(Watch(graph_calls))
    assert "    the far end pressed      (not recorded)\n    the bot's side heard     5 at 0.200 s\n" in told


def test_what_cannot_be_told_is_no_failure_of_its_own(graph_calls):
    watch = Watch(graph_calls)
    graph_calls.establish()
    graph_calls.notifications = None
    assert tell(watch) == "this cannot be told: TypeError: 'NoneType' object is not iterable"
