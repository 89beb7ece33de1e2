"""Makes the pictures of docs/test-mic.md: reports, as a browser shows them. Run by scripts/make-report-pictures."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from diagnostics.made import hum, mixed
from signals import clipped, noise
from speech import read

from satellite.codec.wav import write_wav
from satellite.core.audio import AudioFormat, Int16

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
DEMO = ROOT / "satellite" / "data" / "demo.wav"
BROWSER = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
WIDTH = 1000


def sounds() -> dict[str, tuple[int, list[Int16]]]:
    """Name of a picture: its height in pixels, and the channels that are judged."""
    demo = read(DEMO)
    seconds = len(demo) / 16_000 + 1
    buzz = mixed(demo / 4, hum(seconds, -46)[: len(demo)])
    faint = noise(seconds, -85)[: len(demo)]
    return {
        "report-healthy": (1690, [demo]),
        "report-clipping": (1850, [clipped(demo, 22)]),
        "report-hum": (2120, [buzz, faint]),
    }


def make(name: str, height: int, channels: list[Int16], folder: Path) -> None:
    """One picture."""
    sound, page, picture = folder / f"{name}.wav", folder / f"{name}.html", IMAGES / f"{name}.png"
    pcm = np.stack(channels, axis=1).astype("<i2").tobytes()
    write_wav(sound, pcm, AudioFormat(16_000, len(channels), 2))
    (folder / "empty.toml").touch()
    test = [sys.executable, "-m", "satellite", "--config", "empty.toml", "--test-mic", "--file", sound.name]
    subprocess.run([*test, "--report", page.name], cwd=folder, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    shot = [f"--user-data-dir={folder}/browser", f"--screenshot={picture}", f"--window-size={WIDTH},{height}"]
    subprocess.run([*BROWSER, *shot, page.as_uri()], check=True, capture_output=True)
    subprocess.run(["pngquant", "--force", "--ext", ".png", "64", str(picture)], check=True)
    print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1024} KiB")


def main() -> None:
    """Make all."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, (height, channels) in sounds().items():
            make(name, height, channels, Path(folder))


if __name__ == "__main__":
    main()
