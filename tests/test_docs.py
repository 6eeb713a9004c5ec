"""The README: what it shows is what happens."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from dtmf_audio import PROFILES, cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def shown():
    """Every command of the README that is the project's own, and what the README shows under it."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            command = command.partition("  #")[0].strip()
            if command.startswith("dtmf-audio "):
                yield command, output


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "samples", folder / "samples")
    return folder


def shell(command, folder):
    own = f"{shlex.quote(sys.executable)} -m dtmf_audio "
    command = re.sub(r"(\.venv/bin/)?dtmf-audio ", own, command)
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_the_first_command_prints_what_it_shows(checkout):
    command, output = blocks("console")[0].removeprefix("$ ").split("\n", 1)
    install, render, decode = command.split(" -q . ")[0], *command.split(" && ")[-2:]
    assert install == "python3 -m venv .venv && .venv/bin/pip install"
    result = shell(f"{render} && {decode}", checkout)
    assert (result.stdout, result.stderr, result.returncode) == (output, "", 0)


def test_the_second_command_is_what_ci_runs():
    command = blocks("console")[1].removeprefix("$ ").strip()
    assert command == ("python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/python -m pytest -q")
    ci = (ROOT / ".ci" / "run").read_text()
    assert "'.[test]'" in ci
    assert ".ci/venv/bin/python -m pytest -q" in ci


def test_the_commands_print_what_they_show(checkout):
    commands = list(shown())
    assert len(commands) >= 4
    for command, output in commands:
        if command.startswith("dtmf-audio plot") and importlib.util.find_spec("matplotlib") is None:
            continue
        result = shell(command, checkout)
        assert (result.returncode, result.stderr) == (0, ""), command
        if output.strip():
            assert result.stdout == output, command


@pytest.mark.parametrize("block", blocks("python"))
def test_the_python_examples_run(block, tmp_path):
    command = ["-c", block]
    if "def test_" in block:  # a test, in an empty folder, with nothing but the plugin
        (tmp_path / "test_example.py").write_text(block)
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py"]
        if not any(entry.name == "dtmf_audio" for entry in entry_points(group="pytest11")):
            command += ["-p", "dtmf_audio.testing_plugin"]
    result = subprocess.run(
        [sys.executable, "-W", "error", *command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_command_and_profile_is_in_the_readme():
    parser = cli._parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for command in commands.choices:
        assert f"dtmf-audio {command}" in README, command
    for profile in PROFILES:
        assert f"`{profile}`" in README, profile


def test_the_readme_is_read_in_minutes():
    words = [word for word in README.split() if re.search(r"\w", word)]  # tables and code too, but not their strokes
    assert len(words) <= 2300


def test_the_changelog_begins_with_what_is_unreleased():
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
