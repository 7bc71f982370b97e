"""The conformance kit: what every role asks of a component, as checks that a plugin's own tests run.

from deidframe.testing import conformance

test_conforms = conformance("deidframe-grey")
"""

from __future__ import annotations

from deidframe.testing import checks, role_checks
from deidframe.testing.conform import CheckOutcome, conform, conformance
from deidframe.testing.material import Bench
from deidframe.testing.trying import CHECKS, ConformanceCheck, Violation, checks_for

NOTED = (checks, role_checks)
"""Modules whose checks are noted when they are imported."""

__all__ = ["CHECKS", "Bench", "CheckOutcome", "ConformanceCheck", "Violation", "checks_for", "conform", "conformance"]
