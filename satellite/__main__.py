"""`python -m satellite` is `satellite`."""

from __future__ import annotations

import sys

from satellite.cli import main

sys.exit(main())
