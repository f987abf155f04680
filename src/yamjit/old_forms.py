"""Forms of version 0.1 that `Classifier` takes for one release more, with a warning. Internal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from yamjit import checks, deprecation
from yamjit.reading import OLD_KEYWORDS, ReadOptions, of_each_channel, of_one_track

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from yamjit.events import Event, EventDetector, EventOptions, Watcher
    from yamjit.recording import WindowStream
    from yamjit.scoring import Windows

__all__ = ["OldForms", "classify_of_0_1"]

_Method = TypeVar("_Method", bound=Callable[..., Any])

#: What `keep` could name.
_KEPT = ("scores", "logits", "embeddings", "log_mel", "level_dbfs")


class OldForms:
    """Methods that `Classifier.watcher` has replaced; `dir` does not list them."""

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self)} - {name for name in vars(OldForms) if not name.startswith("_")})

    def detector(  # noqa: D102
        self: Any,
        options: EventOptions | None = None,
        *,
        hop_s: float | None = None,
        overlap: float | None = None,
        channel: int | None = None,
        head: str | int | None = None,
    ) -> EventDetector:
        deprecation.warn("Classifier.detector()", "Classifier.watcher()")
        reading = ReadOptions(hop_s=hop_s, overlap=overlap)
        watcher: Watcher = self.watcher(options, reading=reading, channels=(channel,), head=head)
        return watcher._detectors[channel]

    def listed_scores(  # noqa: D102
        self: Any, windows: Windows, *, head: str | int | None = None
    ) -> npt.NDArray[np.float32]:
        deprecation.warn("Classifier.listed_scores()", "Classifier.watcher(), which takes windows")
        return self._with_head(head)._listing.reduce(windows.heads)

    def watch_windows(self, stream: WindowStream, options: EventOptions) -> Iterator[Event]:  # noqa: D102
        deprecation.warn("Classifier.watch_windows()", "Classifier.watcher(), which takes windows")
        from yamjit.events import Watcher

        return Watcher.of(stream, options).watch(stream)


def classify_of_0_1(classify: _Method) -> _Method:
    """Let `Classifier.classify` still take `keep`, and return several results for ``channel="each"``."""
    names = {name: f"reading=ReadOptions({name}=...)" for name in OLD_KEYWORDS}
    names["channel"] += ', or classify_channels() for "each"'
    names["keep"] = "level=True for levels, windows=False for no windows; all else is always there"

    def convert(_: Any, old: dict[str, Any]) -> dict[str, Any]:
        each = isinstance(old.get("channel"), str) and old["channel"] == "each"
        given: dict[str, Any] = {"each": each}
        if "keep" in old:
            keep = old.pop("keep")
            names = (keep,) if isinstance(keep, str) else checks.elements(keep, "keep", "names")
            kept = {checks.choice(name, "keep", _KEPT) for name in names}
            given |= {"windows": bool(kept), "level": "level_dbfs" in kept, "frames": "log_mel" in kept}
        return given | ({"reading": ReadOptions(**old)} if old else {})

    def call(self: Any, audio: Any, sample_rate: int | None = None, *, each: bool, **given: Any) -> Any:
        reading = (of_each_channel if each else of_one_track)(given.pop("reading", None))
        how = given.pop("aggregate", "mean"), given.pop("level", False), given.pop("head", None)
        results = self._classified(audio, sample_rate, reading, *how, **given)
        return results if each else results[0]

    return deprecation.retired(names, convert, call)(classify)
