"""What truly happened to a service in a week, and what a prober that looks once a minute saw of it."""
import dataclasses
import datetime
import zoneinfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
LOOK = 60  # seconds between looks, of both programs: they see the same


@dataclasses.dataclass
class Truth:
    """By hand, in minutes of the week. `unmeasured` is what nobody could know, however clever the arithmetic."""
    window: int
    down: int
    planned: int = 0
    unmeasured: int = 0
    arithmetic: str = ""


@dataclasses.dataclass
class Case:
    """One week. Times are words such as "tue 10:00" on the wall clock of `zone`; a "-" or "+" in front: a week earlier or
    later. All intervals are [from, to)."""
    key: str
    title: str
    truth: Truth
    why: str
    zone: str = "UTC"
    monday: datetime.date = datetime.date(2025, 11, 10)  # 2025-W46: no clock changes in it
    open: str = "mon-fri 08:00-16:00"  # "": always
    down: list = dataclasses.field(default_factory=list)
    planned: list = dataclasses.field(default_factory=list)  # announced a week before
    off: list = dataclasses.field(default_factory=list)  # (from, to, "stopped" or "crashed"): the prober does not run
    cut: list = dataclasses.field(default_factory=list)  # (from, to): it runs; its results all arrive at `to`
    looked: bool = True  # False: the service is defined, but no check of it ever ran
    freshness: bool = False  # Nagios alone: results that stay away become UNKNOWN
    show_hours: bool = False  # show what Nagios says without its report timeperiod

    def at(self, words):
        """Seconds since 1970 of "tue 10:00"."""
        weeks = {"-": -1, "+": 1}.get(words[0], 0)
        day, clock = words.lstrip("+-").split()
        hours, minutes = map(int, clock.split(":")[:2])
        date = self.monday + datetime.timedelta(days=DAYS.index(day), weeks=weeks)
        if hours == 24:
            date, hours = date + datetime.timedelta(days=1), 0
        local = datetime.datetime(date.year, date.month, date.day, hours, minutes, tzinfo=zoneinfo.ZoneInfo(self.zone))
        return int(local.timestamp())

    def local(self, second):
        return datetime.datetime.fromtimestamp(second, zoneinfo.ZoneInfo(self.zone))

    @property
    def begin(self):
        return self.at("mon 00:00")

    @property
    def end(self):
        return self.at("+mon 00:00")

    @property
    def week(self):
        year, week, _ = self.monday.isocalendar()
        return f"{year}-W{week:02d}"

    def within(self, second, intervals):
        return any(self.at(one[0]) <= second < self.at(one[1]) for one in intervals)

    def looks(self):
        """(second, good, second of arrival) of every look, from the day before the week until six in the morning after it:
        the report is made at seven."""
        if not self.looked:
            return
        for second in range(self.at("-sun 00:00"), self.at("+mon 06:00"), LOOK):
            if self.within(second, self.off):
                continue
            arrival = max([self.at(to) for begin, to in self.cut if self.at(begin) <= second < self.at(to)],
                          default=second)
            yield second, not self.within(second, self.down), arrival

    def day_hours(self):
        """{"mon": "08:00-16:00", ...}; empty when always open."""
        out = {}
        for part in filter(None, self.open.split(", ")):
            days, hours = part.split()
            first, _, last = days.partition("-")
            for day in DAYS[DAYS.index(first):DAYS.index(last or first) + 1]:
                out[day] = hours
        return out
