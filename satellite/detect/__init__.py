"""What a stretch of sound is: a wake word, speech. Models behind small classes; no device, no clock, no thread."""

from __future__ import annotations

import os

# Without this, set before it is imported, onnxruntime (seen: 1.31) makes an identity for this machine and reports to
# its makers; its disable_telemetry_events() comes too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
