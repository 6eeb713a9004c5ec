"""The rooms of the package: imports point down, and what is pure stays pure."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dtmf_audio

PACKAGE = Path(dtmf_audio.__file__).parent
WORDS = {"errors", "tones", "units", "profiles", "events"}  # layer 0: anything may use them
SENDER = {f"conformance.sender_{part}" for part in ("limits", "measurement", "judgement")}
COMMAND = {"cli_console", "cli_options"}  # what every command may use

MAY_IMPORT: dict[str, set[str]] = {
    # 0: words
    "errors": set(),
    "tones": {"errors"},
    "units": set(),
    "profiles": {"errors", "tones"},
    "events": {"tones"},
    # 1: arrays in, arrays out
    "signals": WORDS,
    "synthesis": WORDS | {"signals"},
    "channel": WORDS | {"signals"},
    "overview": WORDS | {"signals"},
    "columns": set(),
    "goertzel": WORDS | {"signals"},
    "keys": WORDS | {"columns"},
    "measures": WORDS | {"columns", "signals"},
    "measurement": WORDS | {"columns", "keys", "measures", "signals", "goertzel"},
    "judgement": WORDS | {"columns", "signals", "measurement"},
    "detector": WORDS | {"columns", "keys", "signals", "goertzel"},
    "screen": WORDS | {"columns", "keys", "measures", "signals"},
    "clean_edges": WORDS | {"columns", "keys", "measures", "signals", "screen"},
    # 2: time
    "presses": WORDS | {"columns", "keys", "signals", "detector", "screen", "measurement", "judgement"},
    "recent_audio": WORDS | {"columns", "keys"},
    "examination": WORDS
    | {"columns", "keys", "signals", "goertzel", "screen", "clean_edges", "measurement", "judgement", "detector"}
    | {"presses", "recent_audio"},
    "receiver": WORDS
    | {"columns", "keys", "signals", "goertzel", "judgement", "detector", "presses", "recent_audio", "examination"},
    "stream": WORDS | {"signals", "goertzel", "receiver"},
    "decoder": WORDS | {"signals", "goertzel", "stream"},
    "pan": {"events"},
    "redaction": WORDS | {"signals", "decoder", "pan"},
    "calibration": WORDS | {"signals", "stream"},
    "conformance": set(),
    "conformance.sender_limits": {"errors"},
    "conformance.sender_edges": {"signals"},
    "conformance.sender_measurement": WORDS | {"signals", "conformance.sender_edges"},
    "conformance.sender_judgement": {"conformance.sender_limits", "conformance.sender_measurement"},
    "conformance.sender": WORDS | SENDER | {"signals", "decoder"},
    "conformance.sender_text": SENDER | {"conformance.sender"},
    # 3: the world
    "places": {"errors"},
    "pcm": {"errors", "signals"},
    "pcm_stream": {"errors", "pcm", "places", "libsndfile"},
    "libsndfile": {"errors", "pcm", "places"},
    "wav_header": {"pcm", "signals"},
    "audio_write": {"errors", "signals", "pcm", "places", "libsndfile"},
    "audio_io": {"errors", "signals", "pcm", "pcm_stream", "places", "libsndfile", "wav_header", "audio_write"},
    "redaction_bytes": {"errors", "signals", "channel", "pcm", "pcm_stream", "redaction"},
    "redaction_files": WORDS
    | {"signals", "files", "audio_io", "pcm", "places", "libsndfile", "wav_header", "redaction", "redaction_bytes"},
    "redaction_text": {"units", "redaction", "redaction_files"},
    "cli_redact": COMMAND | {"errors", "audio_io", "redaction_files", "redaction_text"},
    "formats": WORDS | {"synthesis"},
    "plot_labels": set(),
    "plot": WORDS | {"signals", "overview", "audio_write", "formats", "plot_labels"},
    "plot_page": WORDS | {"formats", "plot"},
    "plot_files": WORDS | {"stream", "audio_io", "files", "overview", "plot", "plot_page"},
    "cli_plot": WORDS | COMMAND | {"plot_files"},
    "cli_outputs": WORDS | {"audio_io", "files", "formats"},
    "files": WORDS | {"signals", "goertzel", "stream", "decoder", "calibration", "pcm", "audio_io"},
    "cli_speed": {"calibration"},
    "scan_rows": WORDS | {"formats"},
    "scan_find": WORDS | {"places", "scan_rows"},
    "scan_decode": WORDS | {"audio_io", "files", "formats", "places", "scan_find", "scan_rows"},
    "scan_pool": WORDS | {"scan_find", "scan_rows", "scan_decode"},
    "scan_cluster": WORDS | {"", "scan_find", "scan_rows", "scan_decode"},
    "scan_output": WORDS | {"audio_write", "formats", "places", "scan_find", "scan_rows"},
    "scan": WORDS | {"", "scan_cluster", "scan_decode", "scan_find", "scan_output", "scan_pool", "scan_rows"},
    "cli_scan": WORDS | COMMAND | {"scan", "scan_find"},
    "cli_console": set(),
    "cli_options": {"audio_io"},
    "cli_render": WORDS
    | COMMAND
    | {"", "synthesis", "channel", "audio_io", "formats", "graph.wire", "graph.requests", "graph.rendering"},
    "cli_decode": WORDS | COMMAND | {"", "calibration", "audio_io", "files", "cli_speed", "cli_outputs"},
    "cli_check": WORDS
    | COMMAND
    | {"audio_io", "files", "conformance.sender", "conformance.sender_limits", "conformance.sender_text"},
    "cli_conformance": WORDS | COMMAND | {"", "audio_io", "conformance", "conformance.page"},
    "cli_tones": WORDS | COMMAND,
    "cli": COMMAND | {"", "errors"},
    "__main__": {"cli"},
    "": WORDS | {"stream", "decoder", "calibration", "synthesis", "files", "redaction", "redaction_files"},
}
# The conformance tests judge what a user can call: they know nothing of the receiver's inner rooms.
CALLABLE = WORDS | {"", "signals", "synthesis", "channel", "stream", "decoder", "audio_io"}
CONFORMANCE = (
    *("limits", "theory", "judge", "decoders", "stimuli", "cases", "recordings", "others"),
    *("must_operate", "must_survive", "must_carry", "must_not", "generator", "mitel"),
    *("report", "page", "curves", "runner"),
)
for number, name in enumerate(CONFORMANCE):
    MAY_IMPORT[f"conformance.{name}"] = CALLABLE | {f"conformance.{earlier}" for earlier in CONFORMANCE[:number]}
MAY_IMPORT["conformance"] = {"conformance.report", "conformance.runner"}
# Graph's calls: each module knows those before it, and what makes and hears tones; up to the routes all is pure.
GRAPH = (
    *("wire", "models", "operations", "requests", "notifications", "timeline", "rendering", "calls", "endpoints"),
    *("faults", "lines", "media", "switchboard", "routes", "openapi"),
)
GRAPH_SERVED = ("webhooks", "service", "control", "status_page", "media_socket", "web", "emulator")
for number, name in enumerate(GRAPH + GRAPH_SERVED):
    earlier = {f"graph.{room}" for room in (GRAPH + GRAPH_SERVED)[:number]}
    MAY_IMPORT[f"graph.{name}"] = WORDS | {"signals", "synthesis", "channel", "stream"} | earlier
MAY_IMPORT["graph.control"] |= {"audio_io", "formats"}  # it plays and records files
MAY_IMPORT["cli_emulate"] = (
    COMMAND
    | {"errors", "synthesis", "audio_io", "formats"}
    | {f"graph.{room}" for room in ("calls", "media", "switchboard", "webhooks", "service", "emulator")}
)
# What people's own tests use: all that lies below the command line.
NOT_BELOW_TESTING = {
    "",
    *(name for name in MAY_IMPORT if name.split("_")[0] == "cli"),
    "__main__",
    *(name for name in MAY_IMPORT if name.split(".")[0] == "graph"),
}
MAY_IMPORT["testing"] = set(MAY_IMPORT) - NOT_BELOW_TESTING
CALLS = {f"graph.{name}" for name in GRAPH + GRAPH_SERVED}
MAY_IMPORT["graph"] = CALLS  # each public name, when it is asked for
MAY_IMPORT["testing_report"] = WORDS | {"synthesis"} | CALLS
MAY_IMPORT["testing_plugin"] = {"errors", "graph", "testing", "testing_report"} | CALLS
PURE = {name for name in MAY_IMPORT if name in WORDS} | {
    "signals",
    "synthesis",
    "channel",
    "columns",
    "keys",
    "measures",
    "goertzel",
    "measurement",
    "judgement",
    "detector",
    "screen",
    "clean_edges",
    "presses",
    "recent_audio",
    "examination",
    "receiver",
    "stream",
    "decoder",
    "formats",
    "overview",
    "plot_labels",
    "pan",
    "redaction",
    "calibration",
    "scan_rows",
    *(f"graph.{name}" for name in GRAPH),
    *(name for name in MAY_IMPORT if name.startswith("conformance.sender")),
}
WORLD = {"socket", "os", "pathlib", "time", "datetime", "random", "subprocess", "sys", "logging", "io", "tempfile"}


def modules():
    """Name of every module, without the package's, and its path; "" is the package itself."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def imports(path):
    """Every module that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


MODULES = dict(modules())


def test_every_module_has_its_room():
    assert set(MODULES) == set(MAY_IMPORT)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name):
    own = {
        module.removeprefix("dtmf_audio").lstrip(".")
        for module in imports(MODULES[name])
        if module.split(".")[0] == "dtmf_audio"
    }
    assert own <= MAY_IMPORT[name]


@pytest.mark.parametrize("name", sorted(PURE))
def test_the_lower_layers_touch_no_file_clock_or_environment(name):
    assert {module.split(".")[0] for module in imports(MODULES[name])}.isdisjoint(WORLD)


def test_matplotlib_is_imported_in_one_place():
    names = {name for name, path in MODULES.items() for module in imports(path) if module.split(".")[0] == "matplotlib"}
    assert names <= {"plot", "plot_page"}


def test_soundfile_is_imported_in_one_place():
    assert [name for name, path in MODULES.items() if "soundfile" in set(imports(path))] == ["libsndfile"]


@pytest.mark.parametrize("name", ["dtmf_audio", "dtmf_audio.decoder", "dtmf_audio.channel"])
def test_importing_does_not_load_scipy_or_soundfile(name):
    check = f"import sys, {name}; print(sorted({{'scipy', 'soundfile'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_is_found_where_it_is_said_to_be():
    for name in dtmf_audio.__all__:
        assert getattr(dtmf_audio, name) is not None
    assert sorted(dtmf_audio._MODULE_OF) == sorted(dtmf_audio.__all__)
    with pytest.raises(AttributeError, match="module 'dtmf_audio' has no attribute 'decoed'"):
        dtmf_audio.decoed  # noqa: B018


def test_the_package_and_the_command_line_wait_with_numpy():
    check = "import sys, dtmf_audio.cli; print('numpy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
