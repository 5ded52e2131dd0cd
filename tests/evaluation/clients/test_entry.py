"""The entry that VOT's toolkit reads: an ini file with a command for a shell."""

from __future__ import annotations

import configparser
import json
import shlex
import sys

import pytest

from spectrack.evaluation.clients.entry import identifier, tracker_entry


def read(text):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


def test_the_command_comes_back_word_by_word(spectrack):
    words = ["--set", "template=5", "--region", "polygon", "--timeout", "30"]
    answer = spectrack("vot", "siamrpn++", *words[2:], "--entry", "--label", "Ours, 2", "--json")
    said = json.loads(answer.out)
    assert said["identifier"] == "spectrack-siamrpnpp"
    (section,) = read(said["entry"]).sections()
    assert section == said["identifier"]
    values = read(said["entry"])[section]
    assert values["protocol"] == "trax"
    assert values["label"] == "Ours, 2"
    wanted = [sys.executable, "-m", "spectrack", "vot", "siamrpn++", *words[2:]]
    assert shlex.split(values["command"]) == wanted


def test_odd_words_stay_in_their_place():
    flags = ["--set", "weights=my file;x='1'\n[evil]"]
    parser = read(tracker_entry("kcf", flags, label="a\n[b]"))
    assert parser.sections() == ["spectrack-kcf"]
    assert shlex.split(parser["spectrack-kcf"]["command"])[-1] == "weights=my file;x='1' [evil]"
    assert identifier("of another [package]") == "spectrack-of_another__package_"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody"], "tracker 'nobody' does not exist"),
        (["kcf", "--region", "circle"], "region 'circle' does not exist"),
        (["kcf", "--timeout", "0"], "expected seconds above 0"),
        (["kcf", "--set", "colour=red"], "has no setting"),
    ],
)
def test_wrong_words_are_told_before_anybody_waits(spectrack, words, told):
    answer = spectrack("vot", *words)
    assert answer.status == 2
    assert told in answer.err
