"""Clocks: of recordings whose beginning is known, and of what is heard as it sounds, on fake machines."""

from __future__ import annotations

import pickle
import random
import time
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from yamjit.clock import Clock, LiveClock, iso, wall_time
from yamjit.errors import DependencyError, InputError
from yamjit.output.arrays import Slab
from yamjit.zones import LOCAL, parse_time, parse_zone

if not zoneinfo.available_timezones():
    pytest.skip("wants time zones: pip install tzdata", allow_module_level=True)

BERLIN = ZoneInfo("Europe/Berlin")
UTC = timezone.utc

#: A moment on the clocks of machines, in seconds since 1970: 2026-05-12T05:00:00Z.
BEGIN = 1_778_562_000.0


class TestKnownBeginning:
    """Recordings of which somebody says when they began."""

    def test_nothing_is_known(self) -> None:
        assert Clock().recorded_at is None
        assert Clock().at(3.0) is None

    @pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=-3, minutes=-30))])
    def test_seconds_are_added_over_midnight_and_years(self, zone: timezone | None) -> None:
        clock = Clock(datetime(2024, 2, 28, 23, 59, 59, 500_000, zone))
        assert clock.recorded_at == datetime(2024, 2, 28, 23, 59, 59, 500_000, zone)
        assert clock.at(0.5) == datetime(2024, 2, 29, 0, 0, 0, 0, zone)
        assert clock.at(86_400.98) == datetime(2024, 3, 1, 0, 0, 0, 480_000, zone)
        assert clock.at(-0.5) == datetime(2024, 2, 28, 23, 59, 59, 0, zone)

    def test_a_zone_changes_to_summer_and_back(self) -> None:
        spring = Clock(datetime(2026, 3, 29, 1, 59, 59, tzinfo=BERLIN))
        assert [iso(spring.at(s)) for s in (0, 1)] == ["2026-03-29T01:59:59.000+01:00", "2026-03-29T03:00:00.000+02:00"]
        autumn = Clock(datetime(2026, 10, 25, 2, 59, 59, tzinfo=BERLIN))
        assert [iso(autumn.at(s)) for s in (0, 1, 3601)] == [
            "2026-10-25T02:59:59.000+02:00",
            "2026-10-25T02:00:00.000+01:00",
            "2026-10-25T03:00:00.000+01:00",
        ]

    def test_no_calendar_reaches_so_far(self) -> None:
        assert Clock(datetime(2026, 1, 1)).at(1e12) is None
        assert Clock(datetime(2026, 1, 1, tzinfo=UTC)).at(-1e12) is None

    def test_written(self) -> None:
        assert iso(None) == ""
        assert iso(datetime(2026, 5, 12, 5, 0, 0, 480_999)) == "2026-05-12T05:00:00.480"
        assert wall_time(None) == (None, None)
        moment = datetime(2026, 7, 1, 12, tzinfo=BERLIN)
        assert wall_time(moment) == (datetime(2026, 7, 1, 12), 7200)

    def test_a_pickle_tells_the_same_time(self) -> None:
        clock = Clock(datetime(2026, 10, 25, 2, 59, 59, tzinfo=BERLIN))
        assert iso(pickle.loads(pickle.dumps(clock)).at(1)) == iso(clock.at(1))
        live = LiveClock(UTC)
        live.hear(0.0, 1.0)
        assert pickle.loads(pickle.dumps(live)).at(0.5) == live.at(0.5)


class Machine:
    """A machine's two clocks, and a source whose blocks it hears."""

    def __init__(self) -> None:
        self.uptime = 0.0
        self.offset = BEGIN
        self.heard_s = 0.0
        self.clock = LiveClock(UTC, machine=lambda: self.offset + self.uptime, steady=lambda: self.uptime)
        self.told = -1e9

    def wait(self, seconds: float) -> None:
        self.uptime += seconds

    def hear(self, length_s: float, *, wait: float | None = None, lost_s: float = 0.0) -> None:
        """Take a block, by default once it has sounded."""
        self.wait(length_s if wait is None else wait)
        begin = self.heard_s
        self.heard_s += length_s
        self.clock.hear(begin, self.heard_s, lost_s=lost_s)
        told = [self.told, *(self.at(begin + length_s * k / 4) for k in range(4))]
        assert told == sorted(told), "time ran backwards"
        self.told = told[-1]

    def at(self, seconds: float) -> float:
        """Return what is told of a second, in seconds since BEGIN."""
        moment = self.clock.at(seconds)
        assert moment is not None
        return moment.timestamp() - BEGIN

    @property
    def error_s(self) -> float:
        """How much later the end of the last block is said to be than it was."""
        return self.at(self.heard_s) - (self.offset - BEGIN + self.uptime)


@pytest.fixture
def machine() -> Machine:
    return Machine()


class TestHeardAsItSounds:
    """Live sources: what arrives when."""

    def test_the_first_block_has_sounded_when_it_arrives(self, machine: Machine) -> None:
        assert machine.clock.recorded_at is None
        machine.wait(5.0)
        machine.hear(0.5)
        assert machine.at(0.0) == pytest.approx(5.0)
        assert machine.at(0.25) == pytest.approx(5.25)
        assert machine.clock.recorded_at == datetime.fromtimestamp(BEGIN + 5, UTC)

    def test_only_a_part_is_read(self, machine: Machine) -> None:
        machine.heard_s = 60.0
        machine.hear(0.5)
        assert machine.at(60.0) == pytest.approx(0.0)
        assert machine.at(0.0) == pytest.approx(-60.0)

    @pytest.mark.parametrize("ppm", [-200, 200])
    def test_the_clock_of_the_samples_drifts(self, machine: Machine, ppm: int) -> None:
        for _ in range(20_000):  # 5 hours
            machine.hear(1.0, wait=1 + ppm * 1e-6)
            assert abs(machine.error_s) < 0.03
        assert machine.at(0.0) == pytest.approx(ppm * 1e-6, abs=1e-5), "what was told stays"

    def test_blocks_come_at_a_slightly_different_pace_each(self, machine: Machine) -> None:
        dice = random.Random(1)
        late = 0.0
        for _ in range(1000):
            before, late = late, dice.random() ** 4 * 0.3
            machine.hear(0.1, wait=0.1 + late - before)
        assert machine.at(99.0) == pytest.approx(99.0, abs=0.05)

    def test_a_microphone_tells_what_it_lost(self, machine: Machine) -> None:
        for _ in range(50):
            machine.hear(0.1)
        machine.hear(0.1, wait=3.1, lost_s=3.0)
        assert machine.at(4.99) == pytest.approx(4.99)
        assert machine.at(5.0) == pytest.approx(8.0)

    def test_sound_is_missing_of_which_nobody_tells(self, machine: Machine) -> None:
        for _ in range(50):
            machine.hear(0.1)
        machine.hear(0.1, wait=3.1)
        for _ in range(25):
            machine.hear(0.1)
        assert machine.error_s == pytest.approx(0.0, abs=0.03)
        assert machine.at(4.9) == pytest.approx(4.9)

    def test_a_source_that_hung(self, machine: Machine) -> None:
        for wait in (0.1, 600.0, *[0.1] * 20):
            machine.hear(0.1, wait=wait)
            assert machine.error_s == pytest.approx(0.0, abs=0.03)

    def test_what_waited_is_not_lost(self, machine: Machine) -> None:
        for _ in range(50):
            machine.hear(0.1)
        machine.hear(0.1, wait=8.0)  # nobody read, and the sound went on
        for _ in range(79):
            machine.hear(0.1, wait=1e-3)
        for _ in range(50):
            machine.hear(0.1)
        assert machine.at(5.0) == pytest.approx(5.0, abs=0.03)
        assert machine.at(15.0) == pytest.approx(15.0, abs=0.1)

    def test_sound_that_comes_in_portions(self, machine: Machine) -> None:
        """As from a server of radio: 18 s at the start, then 6 s each 6 s."""
        for _ in range(179):
            machine.hear(0.1, wait=0.0)
        for _ in range(10):
            for k in range(60):
                machine.hear(0.1, wait=0.0 if k else 6.0)
        assert machine.at(60.0) == pytest.approx(60.0 - 17.9, abs=0.2)

    def test_a_machine_that_slept(self, machine: Machine) -> None:
        for _ in range(50):
            machine.hear(0.1)
        machine.offset += 3600  # a clock of uptime stands still meanwhile
        for _ in range(50):
            machine.hear(0.1)
        assert machine.at(7.0) == pytest.approx(3607.0)

    def test_the_machines_clock_is_set_forward(self, machine: Machine) -> None:
        machine.hear(1.0)
        machine.offset += 1e7
        machine.hear(1.0)
        assert machine.at(0.5) == pytest.approx(0.5)
        assert machine.at(1.5) == pytest.approx(1e7 + 1.5)

    def test_the_machines_clock_is_set_back(self, machine: Machine) -> None:
        for _ in range(10):
            machine.hear(0.1)
        machine.offset -= 4.0
        for _ in range(40):
            machine.hear(0.1)
        assert machine.at(3.0) == pytest.approx(2.0, abs=0.1), "at half speed"
        for _ in range(60):
            machine.hear(0.1)
        assert machine.error_s == pytest.approx(0.0, abs=0.03)

    @pytest.mark.parametrize("block_s", [0.1, 10.0])
    def test_a_file_that_comes_through_a_pipe(self, machine: Machine, block_s: float) -> None:
        machine.hear(block_s, wait=0.0)
        assert machine.clock.recorded_at is not None
        for _ in range(round(60 / block_s)):
            machine.heard_s += block_s
            machine.wait(0.001)
            machine.clock.hear(machine.heard_s - block_s, machine.heard_s)
        assert machine.clock.is_ahead
        assert machine.clock.at(1.0) is None
        assert machine.clock.recorded_at is None

    @pytest.mark.parametrize("seed", range(5))
    def test_whatever_happens_time_goes_on_and_not_into_the_future(self, machine: Machine, seed: int) -> None:
        dice = random.Random(seed)
        waiting = 0.0
        for _ in range(2000):
            event = dice.random()
            length = dice.choice((0.01, 0.1, 0.5))
            if event < 0.02:
                waiting += dice.uniform(0, 3)  # a stall, made up for by what comes next
                machine.wait(waiting)
            if event > 0.99:
                machine.wait(dice.uniform(0, 5))  # a loss
            wait = max(0.0, length - waiting)
            waiting = max(0.0, waiting - length)
            machine.hear(length, wait=wait)
            assert machine.error_s < 0.03

    def test_a_zone_changes_to_summer(self) -> None:
        at = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC).timestamp()
        clock = LiveClock(BERLIN, machine=lambda: at, steady=lambda: 0.0)
        clock.hear(0.0, 1.0, arrived=0.0)
        assert [iso(clock.at(s)) for s in (0.5, 2.0)] == [
            "2026-03-29T01:59:58.500+01:00",
            "2026-03-29T03:00:00.000+02:00",
        ]

    def test_memory_does_not_grow(self, machine: Machine) -> None:
        for k in range(6_000):
            machine.clock.hear(k, k + 1.0, arrived=k * 1.03)
        assert len(machine.clock._known[0]) <= 8194
        assert machine.clock.at(5.0) is not None


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("this system does not change its zone")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class TestZones:
    """Names of zones, and times as people write them."""

    @pytest.mark.usefixtures("in_berlin")
    def test_the_zone_of_the_machine(self) -> None:
        at = datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC).timestamp()
        live = LiveClock(machine=lambda: at, steady=lambda: 0.0)
        live.hear(0.0, 1.0, arrived=0.0)
        known = Clock(datetime(2026, 10, 25, 2, 59, 58, tzinfo=parse_zone("local")))
        for clock in (live, known):
            assert [iso(clock.at(s)) for s in (0.0, 2.0)] == [
                "2026-10-25T02:59:58.000+02:00",
                "2026-10-25T02:00:00.000+01:00",
            ]
        assert pickle.loads(pickle.dumps(LOCAL)) is LOCAL

    @pytest.mark.parametrize(
        ("name", "minutes"),
        [
            ("UTC", 0),
            ("utc", 0),
            ("GMT+2", 120),
            ("Z", 0),
            ("+02:00", 120),
            ("-0330", -210),
            ("UTC+2", 120),
            ("utc-03:30", -210),
        ],
    )
    def test_fixed(self, name: str, minutes: int) -> None:
        assert parse_zone(name).utcoffset(None) == timedelta(minutes=minutes)

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("berlin", "Europe/Berlin"),
            ("new york", "America/New_York"),
            ("europe/lisbn", "Europe/Lisbon"),
            ("", "Europe/Berlin"),
            ("../etc/passwd", "Europe/Berlin"),
            ("a\0b", "Europe/Berlin"),
            ("x" * 5000, "Europe/Berlin"),
            ("+25:00", "-14:00 to \\+14:00"),
            ("+02:99", "-14:00 to \\+14:00"),
        ],
    )
    def test_no_zone(self, name: str, hint: str) -> None:
        with pytest.raises(InputError, match=hint):
            parse_zone(name)

    def test_a_system_without_a_table_of_zones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(zoneinfo, "TZPATH", ())
        monkeypatch.setattr(zoneinfo, "available_timezones", set)

        def missing(name: str) -> ZoneInfo:
            raise zoneinfo.ZoneInfoNotFoundError(name)

        monkeypatch.setattr(zoneinfo, "ZoneInfo", missing)
        with pytest.raises(DependencyError, match=r"pip install tzdata, or give its offset"):
            parse_zone("Europe/Berlin")

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("2026-05-12T05:00:00", "2026-05-12T05:00:00.000"),
            ("2026-05-12 05:00", "2026-05-12T05:00:00.000"),
            ("20260512T050000Z", "2026-05-12T05:00:00.000+00:00"),
            ("20260512_050000", "2026-05-12T05:00:00.000"),
            ("2026-05-12T05:00:00.4809999999+02:00", "2026-05-12T05:00:00.480+02:00"),
            ("2026-05-12T05:00:00,5 -0330", "2026-05-12T05:00:00.500-03:30"),
        ],
    )
    def test_times(self, text: str, wanted: str) -> None:
        assert iso(parse_time(text)) == wanted

    @pytest.mark.parametrize(
        "text",
        ["", "2026-05-12", "05:00", "2026-02-30T05:00", "2026-05-12T25:00", "yesterday", "2026-05-12T05:00+99:00"],
    )
    def test_no_times(self, text: str) -> None:
        with pytest.raises(InputError, match="is not a date and time, such as"):
            parse_time(text)


@pytest.mark.parametrize(
    "clock",
    [
        Clock(),
        Clock(datetime(2026, 5, 12, 5, 0, 0, 333)),
        Clock(datetime(2026, 5, 12, tzinfo=UTC)),
        Clock(datetime(2026, 10, 25, 2, 59, 55, tzinfo=BERLIN)),
        Clock(datetime(9999, 12, 31, 23, 59, 55)),
    ],
)
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_times_of_many_rows_are_those_of_each(clock: Clock, count: int) -> None:
    seconds = np.arange(count) * 0.01 + 0.0000625
    times, offsets = Slab("a", seconds, 0.01, None, np.zeros((count, 1), np.float32), clock).wall_times()
    each = [wall_time(clock.at(second)) for second in seconds.tolist()]
    wanted = np.array([time for time, _ in each], "datetime64[us]")
    assert np.isnat(times).tolist() == np.isnat(wanted).tolist()
    assert (abs(times - wanted)[~np.isnat(times)] <= np.timedelta64(1, "us")).all()
    assert offsets == [offset for _, offset in each]
