"""What a small recogniser understands: WAV files in, a line of JSON out. Run by chime.py with its own interpreter.

    PYTHON transcribe.py FILE...

Needs pocketsphinx (pip install pocketsphinx), which brings its model.
"""

import json
import sys
import wave

SENTENCES = (
    "turn on the kitchen light",
    "turn off the kitchen light",
    "what time is it",
    "set a timer for five seconds",
    "set a timer for ten seconds",
    "cancel the timer",
)
# So that other sound is not bent into a sentence.
REFUSED = ("the weather in the mountains was beautiful yesterday", "it is raining outside", "hello there")


def main() -> None:
    """A text for each file; empty where it is none of the sentences."""
    from pocketsphinx import Decoder

    decoder = Decoder(lm=None, loglevel="FATAL")
    decoder.add_jsgf_string("commands", f"#JSGF V1.0; grammar g; public <any> = {' | '.join(SENTENCES + REFUSED)} ;")
    decoder.activate_search("commands")
    texts = []
    for name in sys.argv[1:]:
        with wave.open(name) as file:
            pcm = file.readframes(file.getnframes())
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        texts.append(best.hypstr if best and best.hypstr in SENTENCES else "")
    print(json.dumps(texts))


if __name__ == "__main__":
    main()
