"""What is suggested for a word that names nothing: what people type, what they mean, and what they never mean."""

from __future__ import annotations

import pytest

from yamjit.also_called import also_called
from yamjit.class_map import audioset_classes, nearest
from yamjit.suggestions import did_you_mean, question, suggest

YAMNET = [known.name for known in audioset_classes().values() if known.yamnet_index is not None]

#: What is typed: what must be suggested, all of it, the first first; after a bar, what must not.
#: ESC-50's and UrbanSound8K's names of classes, labels of Frigate, and what is asked in forums.
TYPED = """\
smoke alarm: Smoke detector, smoke alarm | Fire alarm; Alarm; Car alarm
smoke detecter: Smoke detector, smoke alarm | Fire alarm
smokealarm: Smoke detector, smoke alarm | Fire alarm
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
hoover: Vacuum cleaner
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
Speach: Speech
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
