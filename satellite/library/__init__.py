"""Ears and a voice for other Python programs: microphones, speakers, recordings, utterances."""
