"""The pytest plugin: what a test-suite has by installing this package, without importing anything.

``graph_calls``
    A :class:`~dtmf_audio.graph.switchboard.Switchboard`: calls in the test's own process, on a clock that it moves.
``graph_emulator``
    An :class:`~dtmf_audio.graph.emulator.Emulator` on a free port, its clock virtual. It needs the ``emulator`` extra.
    What a bot does not take is tried again once, not four times: a test's bot is there or it is not.

Both are new for each test, are stopped at its end, and take settings by a mark of their name::

    @pytest.mark.graph_emulator(clock="real", status_case="PascalCase")
    def test_bot(graph_emulator): ...

The report of a test that fails tells what went on in the calls.

pytest imports this module at every start, in every project of the environment. So it imports nothing at the top but
what costs nothing, above all not numpy; a fixture imports what it needs when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from dtmf_audio.graph.emulator import Emulator
    from dtmf_audio.graph.switchboard import Switchboard

_T = TypeVar("_T")
EMULATOR_SETTINGS: dict[str, Any] = {"clock": "virtual", "retries": 1}  # unless a mark says otherwise
_TELLERS = pytest.StashKey[dict[str, Callable[[], str]]]()  # by fixture: what went on


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    config.addinivalue_line(
        "markers",
        "graph_emulator(**settings): of the graph_emulator fixture: clock='real', status_case='PascalCase', seed=1, "
        "require_bearer=True and the other settings of dtmf_audio.graph.Emulator",
    )
    config.addinivalue_line(
        "markers",
        "graph_calls(**settings): of the graph_calls fixture: seed=1, settings=CallSettings(…) and the other arguments "
        "of dtmf_audio.graph.Switchboard",
    )


@pytest.fixture
def graph_calls(request: pytest.FixtureRequest) -> Switchboard:
    """Microsoft Graph's calls in process, on a clock that the test moves: a dtmf_audio.graph.Switchboard."""

    def make() -> Switchboard:
        from dtmf_audio.graph import Switchboard

        return Switchboard(**_settings(request, "graph_calls"))

    calls = _made("graph_calls", make)
    from dtmf_audio.testing_report import Watch, tell

    watch = Watch(calls)
    _tellers(request)["graph_calls"] = lambda: tell(watch)
    return calls


@pytest.fixture
def graph_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Microsoft Graph's calls on a free port of this machine, on a virtual clock: a dtmf_audio.graph.Emulator."""

    def make() -> Emulator:
        from dtmf_audio.graph import Emulator

        return Emulator(**EMULATOR_SETTINGS | _settings(request, "graph_emulator"))

    emulator = _made("graph_emulator", make)
    from dtmf_audio.testing_report import Watch, tell_of_emulator

    watch = Watch(emulator.service.switchboard)
    _made("graph_emulator", emulator.start)
    _tellers(request)["graph_emulator"] = lambda: tell_of_emulator(emulator, watch)
    try:
        yield emulator
    finally:
        emulator.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add what went on in the calls to the report of a test that fails."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for fixture, teller in item.stash.get(_TELLERS, {}).items():
            report.sections.append((f"Microsoft Graph calls ({fixture})", teller()))


def _made(fixture: str, make: Callable[[], _T]) -> _T:
    """Return what is made; the test fails with the problem alone if it cannot be."""
    from dtmf_audio.errors import DtmfError

    try:
        return make()
    except (DtmfError, ImportError, TypeError, ValueError) as error:
        problem = str(error)
    pytest.fail(f"{fixture}: {problem}", pytrace=False)


def _tellers(request: pytest.FixtureRequest) -> dict[str, Callable[[], str]]:
    return request.node.stash.setdefault(_TELLERS, {})  # type: ignore[no-any-return]


def _settings(request: pytest.FixtureRequest, name: str) -> dict[str, Any]:
    """Return the settings of all marks of a name, those nearest to the test above the others."""
    settings: dict[str, Any] = {}
    for mark in request.node.iter_markers(name):
        if mark.args:
            pytest.fail(f"{name}: the mark takes settings by name, such as seed=1, not {mark.args!r}", pytrace=False)
        settings = mark.kwargs | settings
    return settings
