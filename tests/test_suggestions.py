"""What is suggested for a word that names nothing: what people type, what they mean, and what they never mean."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from yamjit.also_called import also_called
from yamjit.class_map import audioset_classes, nearest
from yamjit.disk import hint_beside
from yamjit.suggestions import did_you_mean, question, suggest

YAMNET = [known.name for known in audioset_classes().values() if known.yamnet_index is not None]

#: What is typed: what must be suggested, all of it, the first first; after a bar, what must not.
#: ESC-50's and UrbanSound8K's names of classes, labels of Frigate, and what is asked in forums.
TYPED = """\
smoke alarm: Smoke detector, smoke alarm | Fire alarm; Alarm; Car alarm
smoke detecter: Smoke detector, smoke alarm | Fire alarm
smokealarm: Smoke detector, smoke alarm | Fire alarm
smo kealarm: Smoke detector, smoke alarm
smokealrm: Smoke detector, smoke alarm
sm okealrm: Smoke detector, smoke alarm
smoke alarm beeping: Smoke detector, smoke alarm; Beep, bleep | Fire alarm; Alarm
fire_alarm: Fire alarm | Smoke detector, smoke alarm
carbon monoxide alarm: Alarm | Fire alarm
glass breaking: Glass; Shatter; Breaking | Glockenspiel
breaking glass: Glass; Shatter; Breaking
glass_break: Glass; Shatter; Breaking
Birdsong: Bird vocalization, bird call, bird song | Song
bird songs: Bird vocalization, bird call, bird song | Song
chirping_birds: Chirp, tweet; Bird
hummingbird: Bird | Humming
seagull: Bird
sparrow: Bird | Arrow
robin: Bird
woodpecker: Bird | Wood block
wild boar: | Boat, Water vehicle; Wild animals
crow call: Crow; Crowing, cock-a-doodle-doo
human: | Whistling
woman: Speech
zebra: | Opera; Zither
elephant: | Telephone
giraffe: | Guitar
monkey: | Donkey, ass
drone: | Drum; Music
king: | Honk; Engine knocking
washing machine: | Sewing machine; Drum machine
zebra crossing: | Crowing, cock-a-doodle-doo
dog_bark: Dog; Bark | Wolf-whistling
Dgo: Dog
puppy: Dog
cat meow: Cat; Meow
cow: Moo; Cattle, bovinae | Cowbell; Crow
hen: Chicken, rooster
rooster: Chicken, rooster
lion: Roaring cats (lions, tigers)
wolves howling: Canidae, dogs, wolves; Howl
frogs: Frog
insects: Insect
crickets: Cricket
crying baby: Baby cry, infant cry
babies crying: Baby cry, infant cry
scream: Screaming
yelling: Yell
talking: Speech | Tapping (guitar technique); Tap
voice: Speech
people talking: Speech; Conversation
kids: Child speech, kid speaking
laugh: Laughter
coughing: Cough
snore: Snoring
sneezing: Sneeze
footstep: Walk, footsteps
clap: Clapping
gun shot: Gunshot, gunfire
gunshots: Gunshot, gunfire
gun: Gunshot, gunfire | Guitar
car_horn: Vehicle horn, car horn, honking | French horn
phone: Telephone | Xylophone; Saxophone; Marimba, xylophone
cellphone: Telephone
phone ringing: Telephone bell ringing; Ringtone
plane: Fixed-wing aircraft, airplane
police siren: Police car (siren)
lorry: Truck
motorbike: Motorcycle | Motor vehicle (road)
air_conditioner: Air conditioning
engine_idling: Engine; Idling
street_music: Music
jackhammers: Jackhammer
drilling: Drill | Dental drill, dentist's drill
door bell: Doorbell
door_wood_knock: Door; Wood; Knock
mouse_click: Clicking | Mouse
keyboard_typing: Typing; Computer keyboard | Keyboard (musical)
toilet_flush: Toilet flush
vacuum: Vacuum cleaner
hoover: Vacuum cleaner | Clip-clop
hiphop: Hip hop music
sax: Saxophone
bike: Bicycle
bonfire: Fire | Fire alarm
rattlesnake: Snake
forklift: | Tuning fork
drinking: | Drip
shutter: Camera
keyboard: Keyboard (musical); Computer keyboard
tyre squeal: Tire squeal
elicopter: Helicopter
eating: Chewing, mastication
clock_alarm: Alarm clock
church_bells: Church bell
sea_waves: Waves, surf; Ocean
crackling_fire: Crackle; Fire
pouring_water: Pour; Water
water_drops: Drip
storm: Thunderstorm
chain saw: Chainsaw
lawnmower: Lawn mower
hand_saw: Sawing
guitarist: Guitar
tv: Television
quiet: Silence
%s: | Dental drill, dentist's drill
dentist: Dental drill, dentist's drill
Speach: Speech
thundr and rain: Thunder; Rain
cockerel: Chicken, rooster
helicoptor: Helicopter
Spēech: Speech
"""


@pytest.mark.parametrize("line", TYPED.splitlines())
def test_what_people_type(line: str) -> None:
    typed, _, expected = line.partition(":")
    must, _, must_not = ([name.strip() for name in part.split(";") if name.strip()] for part in expected.partition("|"))
    found = nearest(typed, YAMNET, 3)
    assert set(must) <= set(found), found
    assert not set(must_not) & set(found), found
    assert found or not must
    assert bool(found) == bool(must), found
    assert len(found) <= 3


def test_no_class_is_far_from_its_own_name() -> None:
    for name in YAMNET[::9]:
        assert name in suggest(name.upper().replace(" ", "_"), YAMNET, most=100)


def test_other_names_are_those_of_classes() -> None:
    assert set(also_called()) <= {known.name for known in audioset_classes().values()}
    classes = {name.casefold() for name in YAMNET}
    assert not [other for others in also_called().values() for other in others if other in classes]


def test_own_classes_are_suggested_as_well() -> None:
    assert nearest("winter wrens", ["Winter wren", "robin", "noise"]) == ("Winter wren",)
    assert nearest("gull", ["robin", "noise"]) == ()  # AudioSet has it, and the model nothing like it
    assert nearest("Pakc", ["Pack", "Dog"]) == ("Pack",)


@pytest.mark.parametrize("text", ["", "   ", "_", "?!", "x", "é", "x" * 81, "x" * 100_000, "a b " * 20])
def test_what_is_no_word_means_nothing(text: str) -> None:
    assert suggest(text, YAMNET) == ()


def test_a_few_are_suggested_in_one_question() -> None:
    assert did_you_mean("jsno", ["json", "jsonl", "csv"]) == "did you mean 'json'?"
    assert did_you_mean("zebra", ["json", "csv"]) == ""
    assert question(["a", "b"]) == "did you mean 'a' or 'b'?"
    assert question(["a", "b", "c"]) == "did you mean 'a', 'b' or 'c'?"


def test_what_lies_beside_a_path_that_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hint_beside("a.wav") == ""
    for name in ("siren.flac", "site 1/a.wav", ".hidden.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert hint_beside("sirne.flac") == hint_beside("siren.wav") == "did you mean 'siren.flac'?"
    assert hint_beside(tmp_path / "Siren.FLAC") == f"did you mean {str(tmp_path / 'siren.flac')!r}?"
    assert hint_beside("site1/a.wav") == "there is no folder 'site1'; did you mean 'site 1'?"
    assert hint_beside("far/away/a.wav") == "there is no folder 'far'"
    assert hint_beside("zebra.flac") == hint_beside("hidden.wav") == ""
    assert "address" in hint_beside("https://a.org/x.wav")
    assert "home directory" in hint_beside("~/x.wav")
    assert "quotes" in hint_beside('"siren.flac"')


@pytest.mark.skipif(os.name == "nt", reason="names of POSIX")
def test_names_beside_a_path_are_shown_safely(tmp_path: Path) -> None:
    (tmp_path / "si\x1b[31mren.wav").touch()
    assert hint_beside(tmp_path / "si\x1b[31mren.flac").isprintable()
    (tmp_path / "link.wav").symlink_to(tmp_path / "gone.wav")
    assert hint_beside(tmp_path / "link.wav") == "it is a link that leads nowhere"


def test_suggestions_do_not_depend_on_hashes() -> None:
    code = "from yamjit.class_map import *; n = [c.name for c in audioset_classes().values()]"
    code += "; print([nearest(word, n, 3) for word in ('horns', 'phone', 'flies', 'guitarist', 'drummers', 'bells')])"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1
