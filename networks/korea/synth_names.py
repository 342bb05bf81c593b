"""Roman names of Korean places: Revised Romanization of Hangul (MCST notice 2000-8), syllable by syllable.

Sound changes inside a name are followed where the notice writes them (liaison, nasals, ll); those that it
leaves out in names (tense consonants, aspirated h across syllables) are not.
"""

from __future__ import annotations

FIRST = "g kk n d tt r m b pp s ss - j jj ch k t p h".split()
MIDDLE = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i".split()
LAST = [""] + "k k k n n n t l k m l l l p l m p p t t ng t t k t p t".split()
#: What a final consonant becomes before a vowel (the silent first consonant of the next syllable).
LINKED = [""] + "g kk gs n nj n d r lg lm lb ls lt lp r m b bs s ss ng j ch k t p h".split()
NASAL = {"k": "ng", "t": "n", "p": "m"}
#: Endings that say what kind of place it is; a station's name does without.
ENDINGS = ("동", "면", "읍", "군", "시", "구")
BASE = 0xAC00
SYLLABLES = 11172


def split_syllable(letter: str) -> tuple[int, int, int] | None:
    """Split a Hangul syllable into the positions of its letters; None for anything else."""
    code = ord(letter) - BASE
    if not 0 <= code < SYLLABLES:
        return None
    return code // 588, code % 588 // 28, code % 28


def join_sounds(last: int, following: int) -> tuple[str, str]:
    """Return the final consonant and the first of the next syllable as they are written together."""
    first = "" if FIRST[following] == "-" else FIRST[following]
    final = LAST[last]
    if not first:
        return LINKED[last], ""
    if first == "r":
        if final in ("n", "l"):
            return "l", "l"
        return (NASAL.get(final, final), "n") if final else ("", "r")
    if first in ("n", "m"):
        if final == "l" and first == "n":
            return "l", "l"
        return NASAL.get(final, final), first
    return final, first


def romanize(text: str) -> str:
    """Write a Hangul name in Roman letters, with a capital; other characters stay as they are."""
    parts = [split_syllable(letter) for letter in text]
    written, carried = "", None
    for position, part in enumerate(parts):
        if part is None:
            written += text[position]
            carried = None
            continue
        first = carried if carried is not None else FIRST[part[0]].replace("-", "")
        following = parts[position + 1] if position + 1 < len(parts) else None
        if following is None:
            final, carried = LAST[part[2]], None
        else:
            final, carried = join_sounds(part[2], following[0])
        written += first + MIDDLE[part[1]] + final
    return written[:1].upper() + written[1:]


def strip_ending(name_ko: str) -> str:
    """Drop the ending that says what kind of place a name is, if two syllables remain."""
    if len(name_ko) > 2 and name_ko.endswith(ENDINGS):
        return name_ko[:-1]
    return name_ko
