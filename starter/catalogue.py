"""The table of what the starter model knows: AudioSet names, and what makes the sounds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from starter import alarms, impacts, instruments, machines, nature, tones
from starter.signals import Sound

__all__ = ["LABELS", "NOISES", "OUTDOORS", "SILENCE", "SOUNDS", "SPEECH", "TEXTURES"]

SILENCE, SPEECH = "Silence", "Speech"

#: All but silence, which nothing makes, and speech, which needs a voice.
SOUNDS: Mapping[str, Sound] = MappingProxyType(
    {
        "White noise": tones.white_noise,
        "Pink noise": tones.pink_noise,
        "Sine wave": tones.sine_wave,
        "Chirp tone": tones.chirp_tone,
        "Beep, bleep": tones.beep,
        "Dial tone": tones.dial_tone,
        "Busy signal": tones.busy_signal,
        "Telephone dialing, DTMF": tones.dtmf,
        "Telephone bell ringing": alarms.telephone_bell,
        "Siren": alarms.siren,
        "Smoke detector, smoke alarm": alarms.smoke_alarm,
        "Alarm clock": alarms.alarm_clock,
        "Buzzer": alarms.buzzer,
        "Whistle": alarms.whistle,
        "Mains hum": machines.mains_hum,
        "Idling": machines.idling,
        "Tick": impacts.tick,
        "Heart sounds, heartbeat": impacts.heartbeat,
        "Knock": impacts.knock,
        "Clapping": impacts.clapping,
        "Applause": impacts.applause,
        "Bass drum": impacts.bass_drum,
        "Snare drum": impacts.snare_drum,
        "Hi-hat": impacts.hi_hat,
        "Plucked string instrument": instruments.plucked_string,
        "Organ": instruments.organ,
        "Church bell": instruments.church_bell,
        "Bird": nature.bird,
        "Rain": nature.rain,
        "Wind": nature.wind,
        "Waves, surf": nature.waves,
    }
)

#: In the order of the model's classes.
LABELS = (SILENCE, SPEECH, *SOUNDS)

#: Whose spectrum is their name: no room and no equaliser may change it.
NOISES = frozenset({"White noise", "Pink noise"})
#: Heard under the sky: no room rings with them.
OUTDOORS = frozenset({"Rain", "Wind", "Waves, surf"})
#: Broad and without pause: mixed with each other or with a loud background, nobody could tell them apart.
TEXTURES = NOISES | OUTDOORS | {"Applause", "Idling"}
