"""What people call sounds for which AudioSet has another name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["also_called"]

#: A class of AudioSet, and what it is also called; forms of a word and its compounds are found without.
_ALSO_CALLED = """\
Speech: talk, voice, spoken word, dialogue, people talking
Male speech, man speaking: man talking, male voice, man, male
Female speech, woman speaking: woman talking, female voice, woman, female
Child speech, kid speaking: child, kids talking, children talking, child voice
Conversation: people talking, dialogue
Screaming: shriek, cry for help
Laughter: laugh
Crying, sobbing: weeping
Baby cry, infant cry: newborn crying, crying
Singing: vocals, singer
Run: jogging
Walk, footsteps: steps
Clapping: hand clap, claps
Burping, eructation: belch
Chewing, mastication: eating, munching
Crowd: people, audience
Children playing: playground, kids playing
Dog: puppy, hound
Bark: woof
Cat: kitten, kitty
Meow: miaow
Horse: pony
Clip-clop: hooves, gallop
Cattle, bovinae: cow, cows, calf
Moo: cow, cows
Pig: hog
Sheep: lamb
Chicken, rooster: hen, cock
Goose: geese
Bird: songbirds, sparrow, robin, wren, finch, blackbird, thrush, nightingale, warbler, tit, jay, lark, swallow, starling
Bird: magpie, cuckoo, nightjar, chiffchaff, chickadee, woodpecker, heron, kingfisher, parrot, eagle, hawk, seagull
Bird vocalization, bird call, bird song: birdsong, birds singing, dawn chorus, songbirds
Crow: raven
Insect: cicada, grasshopper, beetle
Bee, wasp, etc.: bumblebee, hornet
Canidae, dogs, wolves: wolf, fox, coyote, jackal
Roaring cats (lions, tigers): lion, tiger, leopard
Rodents, rats, mice: squirrel, hamster
Frog: toad
Whale vocalization: whale song
Rain: drizzle, downpour
Thunder: lightning
Thunderstorm: storm
Ocean: sea
Stream: river, brook, creek
Wind: gale, breeze
Water tap, faucet: running water
Drip: water drops, dripping water
Fire: campfire, flames
Car: automobile
Traffic noise, roadway noise: road noise, street noise
Truck: lorry
Motorcycle: motorbike, moped, motor bike
Train: locomotive, railway
Subway, metro, underground: tube
Rail transport: tram, streetcar
Bicycle: bike, cycling
Foghorn: ship horn, boat horn
Tire squeal: tyre squeal, squealing tyres
Camera: shutter, camera shutter
Saxophone: sax
Fixed-wing aircraft, airplane: plane, aeroplane
Aircraft: plane
Engine: motor
Dishes, pots, and pans: plates, crockery
Vacuum cleaner: hoover
Hair dryer: blow dryer, hairdryer
Toothbrush: brushing teeth, tooth brushing
Computer keyboard: keyboard, keyboard typing
Typing: keyboard typing
Clicking: mouse click, computer mouse
Telephone: phone, cell phone, mobile phone, landline
Telephone bell ringing: phone ringing, telephone ringing
Ringtone: phone ringing, cell phone ringing
Air conditioning: aircon
Mechanical fan: ventilator
Gunshot, gunfire: gun, shooting, shot, rifle, pistol
Machine gun: gun
Explosion: bomb, blast, detonation
Glass: glass breaking, broken glass, window breaking
Shatter: glass breaking, broken glass, window breaking
Breaking: glass breaking, broken glass, window breaking
Smash, crash: car crash, collision
Thump, thud: fall, falling, bump
Silence: quiet, nothing
Television: tv, telly
"""


@functools.cache
def also_called() -> Mapping[str, tuple[str, ...]]:
    """Return what classes of AudioSet are also called, by their names."""
    found: dict[str, tuple[str, ...]] = {}
    for line in _ALSO_CALLED.splitlines():
        name, _, others = line.partition(": ")
        found[name] = (*found.get(name, ()), *others.split(", "))
    return MappingProxyType(found)
