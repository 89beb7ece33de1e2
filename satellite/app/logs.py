"""How the log is written: lines for people, or JSON for programs."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime

from satellite.config import LogConfig


def start_log(config: LogConfig) -> None:
    """Log to standard error, from now on as `config` says."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if config.format == "json" else _lines_for_people())
    logging.basicConfig(level=config.level.upper(), handlers=[handler], force=True)


def _lines_for_people() -> logging.Formatter:
    journal = "JOURNAL_STREAM" in os.environ  # it adds its own time
    return logging.Formatter("%(levelname)-7s %(message)s" if journal else "%(asctime)s %(levelname)-7s %(message)s")


class JsonLines(logging.Formatter):
    """One JSON object for each record: time (UTC, ISO 8601), level, logger, message; `exception` where there is one.

    A record made with extra={"fields": {...}} has these as further fields.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
