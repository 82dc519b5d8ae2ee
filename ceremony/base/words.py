"""Digests as PGP words (P. Zimmermann and P. Juola, 1995; the list of the PGPfone manual and of the IANA root key ceremonies).

Each byte is one word. Even places take words of two syllables, odd places words of three, so that a word left out, said
twice or swapped with its neighbour is heard at once (EXP-04, GEN-11)."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ceremony.base.data import Malformed
from ceremony.base.show import shown

_TWO = """
aardvark absurd accrue acme adrift adult afflict ahead aimless Algol allow alone ammo ancient apple artist assume Athens atlas Aztec
baboon backfield backward banjo beaming bedlamp beehive beeswax befriend Belfast berserk billiard bison blackjack blockade blowtorch
bluebird bombast bookshelf brackish breadline breakup brickyard briefcase Burbank button buzzard cement chairlift chatter checkup
chisel choking chopper Christmas clamshell classic classroom cleanup clockwork cobra commence concert cowbell crackdown cranky
crowfoot crucial crumpled crusade cubic dashboard deadbolt deckhand dogsled dragnet drainage dreadful drifter dropper drumbeat
drunken Dupont dwelling eating edict egghead eightball endorse endow enlist erase escape exceed eyeglass eyetooth facial fallout
flagpole flatfoot flytrap fracture framework freedom frighten gazelle Geiger glitter glucose goggles goldfish gremlin guidance
hamlet highchair hockey indoors indulge inverse involve island jawbone keyboard kickoff kiwi klaxon locale lockup merit minnow miser
Mohawk mural music necklace Neptune newborn nightbird Oakland obtuse offload optic orca payday peachy pheasant physique playhouse
Pluto preclude prefer preshrunk printer prowler pupil puppy python quadrant quiver quota ragtime ratchet rebirth reform regain
reindeer rematch repay retouch revenge reward rhythm ribcage ringbolt robust rocker ruffled sailboat sawdust scallion scenic
scorecard Scotland seabird select sentence shadow shamrock showgirl skullcap skydive slingshot slowdown snapline snapshot snowcap
snowslide solo southward soybean spaniel spearhead spellbind spheroid spigot spindle spyglass stagehand stagnate stairway standard
stapler steamship sterling stockman stopwatch stormy sugar surmount suspense sweatband swelter tactics talon tapeworm tempest tiger
tissue tonic topmost tracker transit trauma treadmill Trojan trouble tumor tunnel tycoon uncut unearth unwind uproot upset upshot
vapor village virus Vulcan waffle wallet watchword wayside willow woodlark Zulu
"""
_THREE = """
adroitness adviser aftermath aggregate alkali almighty amulet amusement antenna applicant Apollo armistice article asteroid Atlantic
atmosphere autopsy Babylon backwater barbecue belowground bifocals bodyguard bookseller borderline bottomless Bradbury bravado
Brazilian breakaway Burlington businessman butterfat Camelot candidate cannonball Capricorn caravan caretaker celebrate cellulose
certify chambermaid Cherokee Chicago clergyman coherence combustion commando company component concurrent confidence conformist
congregate consensus consulting corporate corrosion councilman crossover crucifix cumbersome customer Dakota decadence December
decimal designing detector detergent determine dictator dinosaur direction disable disbelief disruptive distortion document embezzle
enchanting enrollment enterprise equation equipment escapade Eskimo everyday examine existence exodus fascinate filament finicky
forever fortitude frequency gadgetry Galveston getaway glossary gossamer graduate gravity guitarist hamburger Hamilton handiwork
hazardous headwaters hemisphere hesitate hideaway holiness hurricane hydraulic impartial impetus inception indigo inertia infancy
inferno informant insincere insurgent integrate intention inventive Istanbul Jamaica Jupiter leprosy letterhead liberty maritime
matchmaker maverick Medusa megaton microscope microwave midsummer millionaire miracle misnomer molasses molecule Montana monument
mosquito narrative nebula newsletter Norwegian October Ohio onlooker opulent Orlando outfielder Pacific pandemic Pandora paperweight
paragon paragraph paramount passenger pedigree Pegasus penetrate perceptive performance pharmacy phonetic photograph pioneer
pocketful politeness positive potato processor provincial proximate puberty publisher pyramid quantity racketeer rebellion recipe
recover repellent replica reproduce resistor responsive retraction retrieval retrospect revenue revival revolver sandalwood sardonic
Saturday savagery scavenger sensation sociable souvenir specialist speculate stethoscope stupendous supportive surrender suspicious
sympathy tambourine telephone therapist tobacco tolerance tomorrow torpedo tradition travesty trombonist truncated typewriter
ultimate undaunted underfoot unicorn unify universe unravel upcoming vacancy vagabond vertigo Virginia visitor vocalist voyager
warranty Waterloo whimsical Wichita Wilmington Wyoming yesteryear Yucatan
"""
TWO_SYLLABLES = tuple(_TWO.split())
THREE_SYLLABLES = tuple(_THREE.split())
_LISTS = (TWO_SYLLABLES, THREE_SYLLABLES)
_VALUES = tuple({word.lower(): value for value, word in enumerate(words)} for words in _LISTS)
_SYLLABLES = ("two", "three")


def spoken(digest_hex: str, bytes_: int = 16) -> tuple[str, ...]:
    """The first `bytes_` bytes of a digest (hexadecimal) as words; 16 words are 128 bits. Malformed if it is shorter."""
    try:
        raw = bytes.fromhex(digest_hex)[:bytes_]
    except ValueError:
        raise Malformed("words: expected a digest in hexadecimal digits") from None
    if len(raw) < bytes_:
        raise Malformed(f"words: found {len(raw)} bytes, expected {bytes_} or more")
    return tuple(_LISTS[place % 2][value] for place, value in enumerate(raw))


def spoken_rows(digest_hex: str) -> tuple[str, ...]:
    """The 16 words of a digest as people read them aloud: four in a line, each with its place."""
    said = spoken(digest_hex)
    return tuple("  ".join(f"{at + 1:2} {said[at]:<12}" for at in range(row, row + 4)).rstrip() for row in range(0, len(said), 4))


def heard(words: Sequence[str]) -> bytes:
    """The bytes that the words stand for, in any case of letters.

    Malformed names the first word (counted from 1) that is in neither list, or that is in the other list, which means that
    a word before it was left out, said twice or swapped."""
    return bytes(_value(word, place) for place, word in enumerate(words))


def _value(word: str, place: int) -> int:
    text = word.strip().lower()
    value = _VALUES[place % 2].get(text)
    if value is not None:
        return value
    if text in _VALUES[1 - place % 2]:
        expected = _SYLLABLES[place % 2]
        raise Malformed(
            f"word {place + 1}: {shown(text)}, but a word of {expected} syllables belongs here; one was left out, said twice or swapped"
        )
    close = difflib.get_close_matches(text[:20], _VALUES[place % 2], n=1)
    hint = f"; did you hear {shown(close[0])}?" if close else ""
    raise Malformed(f"word {place + 1}: {shown(text)} is not a PGP word{hint}")
