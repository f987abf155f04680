"""Runs over many recordings: a list of inputs, processes that work on it, results in one file or one file each."""

from __future__ import annotations

from yamjit.runs.folder import ResultFolder
from yamjit.runs.formats import ArrayFormat, PictureFormat, RowFormat
from yamjit.runs.hearing import Classes, Embeddings, Events, Hearing, LogMel, Overviews, Spectrograms
from yamjit.runs.inputs import STDIN, Recording, check_places, find_recordings
from yamjit.runs.jobs import FileJob, SegmentJob, into_one_file
from yamjit.runs.naming import Places
from yamjit.runs.pool import Outcome, outcomes
from yamjit.runs.tally import Tally, header_length, length_of
from yamjit.runs.whole import whole_file

__all__ = [
    "STDIN",
    "ArrayFormat",
    "Classes",
    "Embeddings",
    "Events",
    "FileJob",
    "Hearing",
    "LogMel",
    "Outcome",
    "Overviews",
    "PictureFormat",
    "Places",
    "Recording",
    "ResultFolder",
    "RowFormat",
    "SegmentJob",
    "Spectrograms",
    "Tally",
    "check_places",
    "find_recordings",
    "header_length",
    "into_one_file",
    "length_of",
    "outcomes",
    "whole_file",
]
