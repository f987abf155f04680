"""Runs over many recordings: inputs to a list, work in processes, results in order or each in a file of its own."""

from __future__ import annotations

from yamjit.runs.arrays import ArrayJob
from yamjit.runs.folder import ResultFolder
from yamjit.runs.hearing import Classes, Cuttings, Embeddings, Events, Hearing, LogMel
from yamjit.runs.inputs import AUDIO_SUFFIXES, STDIN, Recording, check_places, find_recordings
from yamjit.runs.naming import Places
from yamjit.runs.pool import Outcome, outcomes
from yamjit.runs.rows import RowJob, rows_to_writer
from yamjit.runs.whole import whole_file

__all__ = [
    "AUDIO_SUFFIXES",
    "STDIN",
    "ArrayJob",
    "Classes",
    "Cuttings",
    "Embeddings",
    "Events",
    "Hearing",
    "LogMel",
    "Outcome",
    "Places",
    "Recording",
    "ResultFolder",
    "RowJob",
    "check_places",
    "find_recordings",
    "outcomes",
    "rows_to_writer",
    "whole_file",
]
