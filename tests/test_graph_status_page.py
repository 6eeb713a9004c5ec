"""The status page, looked at and clicked on in Chromium."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import zipfile

import browser
import httpx
import pytest

from dtmf_audio.graph.emulator import Emulator
from dtmf_audio.graph.status_page import status_page

HOSTILE = "<img src=x onerror=\"window.harmed='{}'\">"


# --- the page as a file ----------------------------------------------------------------------------------------------


def test_the_policy_names_the_script_and_the_style_and_allows_nothing_else():
    page = status_page()
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["connect-src"] == "'self'"
    text = page.body.decode()
    for element in ("script", "style"):
        (inside,) = re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert policy[f"{element}-src"] == f"'sha256-{digest}'"


def test_the_page_loads_nothing_and_makes_no_html():
    text = status_page().body.decode()
    assert not re.search(r"\b(src|href)=\"(?!data:,\")", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\son\w+=|\sstyle=", text)
    assert len(text.splitlines()) <= 400


def test_the_page_is_in_the_wheel(tmp_path):
    pytest.importorskip("hatchling")
    root = browser.__file__.rpartition("/tests/")[0]
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "dtmf_audio/graph/status_page.html" in zipfile.ZipFile(wheel).namelist()


# --- the page in a browser -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium():
    if not (browser.CHROMIUM and browser.CHROMEDRIVER):
        pytest.skip("chromium and chromedriver are not installed")
    with browser.chromium() as running:
        yield running


@pytest.fixture
def emulator():
    with Emulator(clock="virtual", retries=0) as running:
        yield running


def create(emulator, **more):
    """A call that a bot makes, established."""
    body = {
        "callbackUri": "https://bot.example/callback",
        "requestedModalities": ["audio"],
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig"},
    }
    call = httpx.post(f"{emulator.base_url}/communications/calls", json=body | more).json()["id"]
    emulator.advance(300)
    return emulator.call(call)


def send(emulator, call, **body):
    answer = httpx.post(f"{emulator.base_url}/communications/calls/{call.id}/sendDtmfTones", json=body)
    assert answer.status_code == 200


def shown(chromium, text):
    """Wait until the page shows a text."""
    chromium.wait(lambda: text in chromium.run("return document.body.innerText"), f"text {text!r}")


def test_the_page_shows_a_call_its_tones_and_their_completion(chromium, emulator):
    chromium.open(f"{emulator.url}/")
    shown(chromium, "No calls yet")
    call = create(emulator, subject="Support line")
    send(emulator, call, tones=["tone1", "flash", "star"], delayBetweenTonesMs=100, clientContext="menu")
    chromium.find("h3", text="Support line")
    shown(chromium, "running")
    emulator.advance(2000)
    shown(chromium, "completed: completedSuccessfully")
    shown(chromium, "Keys heard there: 1*")
    shown(chromium, "not delivered")  # nothing listens at the call-back address
    shown(chromium, "bot.example is not this machine")
    call.press("42")
    emulator.advance(1000)
    shown(chromium, "Keys told to the bot: 42")
    drawn = """
        return [...document.querySelectorAll("canvas")].map((canvas) =>
            canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte))
    """
    assert chromium.run(drawn) == [True, True]
    call.hang_up()
    emulator.advance(1000)
    shown(chromium, "The call was ended by the other side.")
    shown(chromium, "0 live, 1 ended")
    assert chromium.log() == []


def test_keys_are_pressed_by_clicks_and_told_to_the_bot(chromium, emulator):
    call = create(emulator)
    chromium.open(f"{emulator.url}/")
    for key in "147*2580369#ABCD":
        chromium.click(f'[data-call="{call.id}"] [data-key="{key}"]')
        name = {"*": "star", "#": "pound"}.get(key, key)
        chromium.wait(lambda name=name: chromium.text_of("#said") == f"Pressed {name}", f"word of {name}")
    emulator.advance(5000)
    assert [tone.tone.key for tone in call.received] == list("147*2580369#ABCD")
    shown(chromium, "Keys told to the bot: 147*2580369#ABCD")
    shown(chromium, "sequenceId 16, caller")
    assert chromium.log() == []


def test_keys_are_typed_while_the_call_is_focused(chromium, emulator):
    call = create(emulator)
    other = create(emulator)
    chromium.open(f"{emulator.url}/")
    chromium.type(f'[data-call="{call.id}"]', "9#a x")
    chromium.type("#uri", "123")
    path = emulator.service.requests
    chromium.wait(lambda: chromium.text_of("#said") == "Pressed A", "word of the last key")
    emulator.advance(1000)
    assert [tone.tone.key for tone in call.received] == ["9", "#", "A"]
    assert other.received == []
    assert len(path) == 2  # what the page does is no request to Graph


def test_a_call_is_hung_up_and_a_bot_rung(chromium, emulator):
    call = create(emulator)
    chromium.open(f"{emulator.url}/")
    chromium.click(f'[data-call="{call.id}"] .hangup')
    shown(chromium, "terminating")
    emulator.advance(1000)
    assert call.state == "terminated"
    chromium.type("#uri", "http://127.0.0.1:9/api")
    chromium.click("#ring button")
    chromium.find("h3", text="Call to the bot")
    assert [each.id for each in emulator.calls()] != [call.id]


def test_the_virtual_clock_is_moved(chromium, emulator):
    chromium.open(f"{emulator.url}/")
    chromium.click("#advance button", text="Advance 1 s")
    shown(chromium, "Virtual clock: 1.0 s")


def test_what_went_wrong_is_told(chromium, emulator):
    call = create(emulator)
    chromium.open(f"{emulator.url}/")
    chromium.find(f'[data-call="{call.id}"]')
    call.hang_up()
    chromium.run("document.querySelector('[data-key=\"1\"]').click()")  # before the page knows of the end
    shown(chromium, "Pressing 1 did not work")


def test_what_bots_write_is_shown_as_text_and_runs_nothing(chromium, emulator):
    call = create(emulator, subject=HOSTILE.format("subject"), source={"displayName": HOSTILE.format("source")})
    send(emulator, call, tones=["tone1"], clientContext=HOSTILE.format("context"))
    call.press("5", speaker=HOSTILE.format("speaker"))
    httpx.get(f"{emulator.base_url}/communications/calls/{HOSTILE.format('path')}")
    emulator.advance(1000)
    chromium.open(f"{emulator.url}/")
    for place in ("subject", "context", "speaker"):
        shown(chromium, HOSTILE.format(place))
    assert chromium.run("return document.querySelectorAll('img').length") == 0
    assert chromium.run("return window.harmed === undefined")
    assert chromium.log() == []


def test_a_call_whose_id_is_html_is_text_too(chromium, emulator):
    """Ids are the emulator's own; should one ever hold anything else, it is only text."""
    create(emulator)
    chromium.open(f"{emulator.url}/")
    chromium.find("article")
    called = chromium.run(
        """
        const card = callCard(arguments[0]);
        document.body.append(card.card);
        return card.card.textContent;
        """,
        HOSTILE.format("id"),
    )
    assert HOSTILE.format("id") in called
    assert chromium.run("return document.querySelectorAll('img').length") == 0
    assert chromium.run("return window.harmed === undefined")


def test_even_html_that_were_let_in_could_run_nothing(chromium, emulator):
    chromium.open(f"{emulator.url}/")
    attempt = """
        try { document.body.innerHTML = arguments[0]; return "let in" } catch (error) { return error.name }
    """
    assert chromium.run(attempt, HOSTILE.format("policy")) == "TypeError"


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_and_its_text_can_be_read(chromium, emulator, width, theme):
    """No sideways scrolling, and a contrast of 4.5, which WCAG 2 asks for, between every text and what is behind it."""
    call = create(emulator, subject="A subject of which there is more than one line, " * 3)
    send(emulator, call, tones=["tone1"] * 60, clientContext="x" * 200)
    chromium.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    chromium.cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    try:
        chromium.open(f"{emulator.url}/")
        chromium.find("h3", text="A subject")
        shown(chromium, "x" * 200)
        assert chromium.run("return document.documentElement.scrollWidth <= window.innerWidth")
        assert chromium.run(CONTRAST) == []
    finally:
        chromium.cdp("Emulation.clearDeviceMetricsOverride")
        chromium.cdp("Emulation.setEmulatedMedia", features=[])


CONTRAST = """
    const numbers = (colour) => colour.match(/[0-9.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
        .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = numbers(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
    };
    return [...document.querySelectorAll("body *")].filter((element) =>
        element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    ).map((element) => {
        const [one, other] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        return contrast < 4.5 ? `${element.tagName}.${element.className}: ${contrast.toFixed(2)}` : "";
    }).filter(Boolean);
"""


def test_every_control_has_a_name(chromium, emulator):
    create(emulator)
    chromium.open(f"{emulator.url}/")
    chromium.find("article")
    nodes = chromium.cdp("Accessibility.getFullAXTree")["nodes"]
    controls = [node for node in nodes if node.get("role", {}).get("value") in ("button", "textbox", "link", "article")]
    assert len(controls) >= 24
    assert [node for node in controls if not node.get("name", {}).get("value")] == []


def test_a_lost_emulator_is_told_and_the_page_goes_on_when_it_is_back(chromium):
    with Emulator(clock="virtual", retries=0) as first:
        port = int(first.url.rpartition(":")[2])
        chromium.open(f"{first.url}/")
        shown(chromium, "No calls yet")
    shown(chromium, "The emulator does not answer")
    with Emulator(clock="virtual", retries=0, port=port) as second:
        create(second, subject="Back again")
        chromium.find("h3", text="Back again")
        chromium.wait(lambda: chromium.run("return document.getElementById('problem').hidden"), "end of the problem")
