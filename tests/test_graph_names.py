"""``dtmf_audio.graph``: its public names, each imported when it is asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from dtmf_audio import graph


def test_every_public_name_is_found_where_it_is_said_to_be():
    assert list(graph.__all__) == sorted(graph.__all__)
    assert set(graph._MODULE_OF) == set(graph.__all__)
    for name in graph.__all__:
        module = importlib.import_module(f"dtmf_audio.graph.{graph._MODULE_OF[name]}")
        assert getattr(graph, name) is getattr(module, name)
        assert getattr(module, name).__module__ == module.__name__
    assert set(graph.__all__) <= set(dir(graph))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'dtmf_audio\.graph' has no attribute 'Emulatro'"):
        graph.Emulatro  # noqa: B018


def python(code):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)


def test_the_package_itself_loads_nothing():
    result = python("import sys, dtmf_audio.graph; print({'numpy', 'uvicorn', 'httpx'} & set(sys.modules))")
    assert (result.stdout, result.stderr) == ("set()\n", "")


def test_all_but_the_emulator_works_without_its_extra():
    without = (
        "import sys; sys.modules.update(dict.fromkeys(['httpx', 'starlette', 'uvicorn', 'websockets', 'httptools']));"
    )
    result = python(f"{without} from dtmf_audio.graph import Switchboard, render_request; print(Switchboard().now_ms)")
    assert (result.stdout, result.stderr) == ("0.0\n", "")
    result = python(f"{without} from dtmf_audio.graph import Emulator")
    assert result.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: Emulator needs uvicorn, which is not installed; run: pip install 'dtmf-audio[emulator]'"
    )
