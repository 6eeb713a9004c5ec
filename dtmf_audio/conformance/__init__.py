"""What the standards ask for, as measurements: of any decoder, and of senders from a recording.

``run()`` judges a decoder and returns a :class:`Report` of :class:`Row` objects; ``CASES`` are the tests by their ids:
G1 to G12 of the sender, R1 to R25 that must operate, N1 to N13 that must not, M2 to M7 of the Mitel cassette. Senders
are checked by :mod:`dtmf_audio.conformance.sender`.

The public names are imported when they are asked for: the command line reads limits from here and wants no numpy yet.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dtmf_audio.conformance.report import Report, Row
    from dtmf_audio.conformance.runner import CASES, run

_HOMES = {"CASES": "runner", "Report": "report", "Row": "report", "run": "runner"}

__all__ = ["CASES", "Report", "Row", "run"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
