"""The standards as runnable tests, for this library's receiver or any other decoder.

``run()`` judges and returns a :class:`Report` of :class:`Row` objects; ``CASES`` are the tests by their ids: G1 to G12
of the sender, R1 to R25 that must operate, N1 to N13 that must not, M2 to M7 of the Mitel cassette.
"""

from dtmf_audio.conformance.report import Report, Row
from dtmf_audio.conformance.runner import CASES, run

__all__ = ["CASES", "Report", "Row", "run"]
