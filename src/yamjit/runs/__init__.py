"""Runs over many recordings: inputs to a list, work in processes, results in order or each in a file of its own."""

from __future__ import annotations

from yamjit.runs.folder import ResultFolder, whole_file
from yamjit.runs.inputs import AUDIO_SUFFIXES, STDIN, Recording, check_places, find_recordings
from yamjit.runs.pool import Outcome, outcomes

__all__ = [
    "AUDIO_SUFFIXES",
    "STDIN",
    "Outcome",
    "Recording",
    "ResultFolder",
    "check_places",
    "find_recordings",
    "outcomes",
    "whole_file",
]
