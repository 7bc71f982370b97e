"""`python -m deidframe`."""

from __future__ import annotations

import sys

from deidframe.cli.main import main

sys.exit(main())
