"""The conformance kit: what every role asks of a component, as checks that a plugin's own tests run.

from deidframe.testing import conformance

test_conforms = conformance("deidframe-grey")
"""

from __future__ import annotations

from deidframe.testing.checks import CHECKS, ConformanceCheck, Violation, checks_for
from deidframe.testing.conform import CheckOutcome, conform, conformance
from deidframe.testing.material import Bench

__all__ = ["CHECKS", "Bench", "CheckOutcome", "ConformanceCheck", "Violation", "checks_for", "conform", "conformance"]
