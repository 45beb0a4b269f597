"""The ten cases, some in two forms. What is true is worked out here by hand; neither program's answer stands here."""
import datetime

from history import Case, Truth

OFFICE = 5 * 8 * 60  # 2400: five days from 8 to 16
ALWAYS = 7 * 24 * 60  # 10080
SPRING = datetime.date(2025, 3, 24)  # in Berlin Sunday 30 March jumps from 02:00 to 03:00
AUTUMN = datetime.date(2025, 10, 20)  # Sunday 26 October has 02:00 to 03:00 twice

CASES = [
    Case("four-hours", "1. Four hours down in a week of forty",
         down=[("tue 10:00", "tue 14:00")],
         # 14:00 - 10:00 = 4 x 60, a tenth of the week.
         truth=Truth(OFFICE, 240, arithmetic="Tue 10:00–14:00, a tenth of the week"),
         show_hours=True,
         why="Otherwise Nagios begins an outage at its third failed look, or counts nights and weekends as good."),
    Case("prober-stopped", "2a. The prober is stopped in good order for two hours",
         off=[("wed 11:00", "wed 13:00", "stopped")], down=[("wed 12:00", "wed 14:00")],
         # Down 120, of which 12:00-13:00 nobody could see; seen down 13:00-14:00 = 60; blind 11:00-13:00 = 120.
         truth=Truth(OFFICE, 60, unmeasured=120,
                     arithmetic="Down Wed 12:00–14:00; seen 13:00–14:00 = 60; blind 11:00–13:00 = 120"),
         why="The form's own choice takes the last state seen for the two blind hours; here that was OK."),
    Case("prober-crashed", "2b. The same, but the prober's machine loses power",
         off=[("wed 11:00", "wed 13:00", "crashed")], down=[("wed 12:00", "wed 14:00")],
         truth=Truth(OFFICE, 60, unmeasured=120, arithmetic="As 2a: no log line can be written without power"),
         why="A Nagios that loses power logs no end, so the last state lasts until it starts again, whatever one "
             "chooses. slimtax knows which runs were due."),
    Case("planned-inside", "3a. Planned work inside the hours",
         planned=[("thu 10:00", "thu 12:00", "new disks")], down=[("thu 09:30", "thu 12:30")],
         # 180 down - 120 planned: 09:30-10:00 and 12:00-12:30.
         truth=Truth(OFFICE, 60, planned=120, arithmetic="Down Thu 09:30–12:30 = 180, less 10:00–12:00 planned = 120"),
         why="The column of unscheduled time says it. The shares keep planned time in; slimtax takes it out of both "
             "sides."),
    Case("planned-evening", "3b. Planned work into the evening",
         planned=[("thu 15:00", "thu 20:00", "new disks")], down=[("thu 14:30", "thu 19:00")],
         # Inside the hours: down 14:30-16:00 = 90, planned 15:00-16:00 = 60, so 30 spent.
         truth=Truth(OFFICE, 30, planned=60,
                     arithmetic="Of Thu 14:30–19:00 only 14:30–16:00 = 90 is inside the hours, 15:00–16:00 = 60 planned"),
         show_hours=True,
         why="The report timeperiod cuts the critical time but not the scheduled: 90 − 240 wraps around below zero. "
             "Right if the work is entered until 16:00 only."),
    Case("spring", "4a. The clock goes forward on Sunday (Berlin)", zone="Europe/Berlin", monday=SPRING,
         open="mon-sun 08:00-16:00", down=[("sun 08:00", "sun 10:00")],
         truth=Truth(7 * 480, 120, arithmetic="Sun 08:00–10:00 on the wall, five hours after the change"),
         show_hours=True,
         why="Nagios takes the hours as seconds since midnight: on this day its 08:00 is 09:00 on the wall."),
    Case("autumn", "4b. The clock goes back on Sunday (Berlin)", zone="Europe/Berlin", monday=AUTUMN,
         open="mon-sun 08:00-16:00", down=[("sun 14:00", "sun 16:00")],
         truth=Truth(7 * 480, 120, arithmetic="Sun 14:00–16:00 on the wall; the day has 25 hours, its window 8"),
         show_hours=True, why="The same fault the other way: on this day its 16:00 is 15:00 on the wall."),
    Case("midnight", "5. An outage across midnight", open="mon-fri 06:00-24:00", down=[("tue 22:30", "wed 06:45")],
         # 22:30-24:00 = 90 and 06:00-06:45 = 45.
         truth=Truth(5 * 18 * 60, 135, arithmetic="22:30–24:00 = 90 and 06:00–06:45 = 45; one outage"),
         why="Nights are cut out by the report timeperiod, the rest adds up."),
    Case("edge", "6. Outages across both edges of the week", open="", down=[("-sun 23:00", "mon 02:00"),
                                                                           ("sun 22:30", "+mon 01:00")],
         # 00:00-02:00 = 120 and 22:30-24:00 = 90.
         truth=Truth(ALWAYS, 210, arithmetic="Mon 00:00–02:00 = 120 and Sun 22:30–24:00 = 90"),
         why="The state that Nagios logs at each midnight carries it over."),
    Case("retries", "7. Short outages: two minutes in every hour",
         down=[(f"{day} {hour:02d}:30", f"{day} {hour:02d}:32") for day in ("mon", "tue", "wed", "thu", "fri")
               for hour in range(8, 16)],
         truth=Truth(OFFICE, 80, arithmetic="40 hours × 2 minutes"),
         why="Without soft states, the form's choice, no outage is left, as none lasted three looks. Who looks once a "
             "minute cannot be surer of such outages than the bounds say."),
    Case("flapping", "8. Flapping: down every other minute for two hours",
         down=[(f"tue {hour}:{minute:02d}", f"tue {hour}:{minute + 1:02d}") for hour in (10, 11)
               for minute in range(0, 60, 2)],
         truth=Truth(OFFICE, 60, arithmetic="60 times one minute"),
         why="As in 7. Nagios' flap detection holds back messages; it does not change the report."),
    Case("late", "9a. A distant prober is cut off for four hours, its results come late",
         cut=[("tue 10:00", "tue 14:00")], down=[("tue 11:00", "tue 12:00")],
         truth=Truth(OFFICE, 60, arithmetic="Tue 11:00–12:00; it was measured, the news came at 14:00"),
         why="Nagios stamps a result that it is handed with the time of arrival: four hours shrink into one second. "
             "slimtax books each run where it was due; until 14:00 it had reported four hours unmeasured."),
    Case("late-fresh", "9b. The same, with Nagios' freshness checks (after 180 s) on",
         cut=[("tue 10:00", "tue 14:00")], down=[("tue 11:00", "tue 12:00")], freshness=True,
         truth=Truth(OFFICE, 60, arithmetic="As 9a"),
         why="The gap is now UNKNOWN, which is honest at 14:00; but the results do not amend it when they come."),
    Case("no-data-off", "10a. No data at all: no prober ran", looked=False,
         off=[("-sun 12:00", "+mon 06:00", "stopped")],
         truth=Truth(OFFICE, 0, unmeasured=OFFICE, arithmetic="Nobody looked: nothing is known"),
         why="Neither claims anything; but a share of 0.000% reads like an outage."),
    Case("no-data-pending", "10b. No data at all: the prober ran, but never this check", looked=False,
         truth=Truth(OFFICE, 0, unmeasured=OFFICE, arithmetic="As 10a"),
         why="At each midnight Nagios logs a state of every service; one that it never checked begins as OK."),
]
