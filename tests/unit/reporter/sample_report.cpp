#include "tests/unit/reporter/sample_report.hpp"

#include <algorithm>

#include "reporter/ledger/verdict.hpp"

namespace slimtax::reporter::sample {
namespace {

using namespace std::chrono_literals;
using schemas::Booking;
using schemas::Definition;
using schemas::Duration;
using schemas::Instant;
using schemas::Level;
using schemas::Light;
using schemas::Objective;
using schemas::Probe;
using schemas::Quorum;
using schemas::State;
using schemas::Verdict;

Instant at(Duration since_monday) {
    return week_start() + since_monday;
}
constexpr Duration day(int count) {
    return std::chrono::hours(24 * count);
}

Probe probe(std::string id, Level level, std::string layer, std::vector<std::string> covers,
            std::vector<std::string> targets, std::vector<std::string> from, Duration every = 30s) {
    Probe made;
    made.id = id;
    made.title = id;
    made.level = level;
    made.layer = std::move(layer);
    made.covers = std::move(covers);
    made.targets = std::move(targets);
    made.from = std::move(from);
    made.every = every;
    made.timeout = 25s;
    return made;
}

Objective objective(std::string id, std::string title, Level level, Duration allowance) {
    Objective made;
    made.id = std::move(id);
    made.title = std::move(title);
    made.level = level;
    made.budget = schemas::Budget{allowance, schemas::BudgetPeriod::week};
    return made;
}

std::shared_ptr<Definition> service(std::string id, std::string title, std::string about) {
    auto made = std::make_shared<Definition>();
    made->file = id + ".toml";
    made->service.id = std::move(id);
    made->service.title = std::move(title);
    made->service.about = std::move(about);
    made->service.owner = "im-team@campus.example";
    made->service.definition = "https://intranet.campus.example/services/" + made->service.id;
    made->service.layers = {"platform", "database", "application", "session", "end-to-end"};
    made->window.timezone = "America/New_York";
    return made;
}

ServiceReport report_of(const std::shared_ptr<Definition>& definition) {
    ServiceReport made;
    made.id = definition->service.id;
    made.title = definition->service.title;
    made.owner = definition->service.owner;
    made.about = definition->service.about;
    made.definition = definition->service.definition;
    made.tags = definition->service.tags;
    made.source = definition;
    return made;
}

/// An objective whose strip is `base`, with `spans` cut into it; minutes follow from the strip.
ObjectiveReport booked(const Objective& from, const Period& period, Booking base, std::vector<BookedSpan> spans) {
    ObjectiveReport made;
    made.id = from.id;
    made.title = from.title;
    made.level = from.level;
    Instant reached = period.from;
    const auto add = [&](Instant until, Booking booking) {
        until = std::min(until, period.to);
        if (until > reached) {
            made.strip.push_back({reached, until, booking});
            made.minutes[booking] += until - reached;
            reached = until;
        }
    };
    for (const BookedSpan& span : spans) {
        add(span.from, base);
        if (span.to > reached) {
            add(span.to, span.booking);
        }
    }
    add(period.to, base);
    made.budget.allowed = from.budget ? schemas::to_minutes(from.budget->allowance) : 0;
    made.budget.spent = schemas::to_minutes(made.minutes[Booking::down]);
    made.budget.spent_at_least = made.budget.spent;
    made.budget.spent_at_most = made.budget.spent;
    made.budget.text = from.budget ? std::to_string(from.budget->allowance / 1min) + " min per week" : "";
    made.met = made.budget.spent <= made.budget.allowed;
    made.longest_gap = 45s;
    made.runs.due = static_cast<std::uint64_t>(period.length() / 15s);
    made.runs.by_verdict.at(0) = made.runs.due;
    made.response_ms = {made.runs.due, 41.5, 12.25, 963, 20.125, 37, 88.4, 240.7};
    made.light = Light::green;
    made.light_since = period.from;
    return made;
}

SeriesNow series(const Definition& definition, const std::string& probe, const std::string& target,
                 const std::string& location, State state, Instant since, std::string reason = {}) {
    return {{definition.service.id, probe, target, location}, state, since, std::move(reason)};
}

Outage outage(Duration from, Duration length, Duration at_least, Duration at_most, std::string reason,
              std::string cause = {}) {
    Outage made;
    made.from = at(from);
    made.to = at(from + length);
    made.nominal = length;
    made.at_least = at_least;
    made.at_most = at_most;
    made.id = "campus-im/sign-in/" + schemas::to_rfc3339(made.from);
    made.reason = std::move(reason);
    made.cause = std::move(cause);
    made.targets = {"im1.campus.example", "im2.campus.example"};
    made.locations = {"noc", "medical-centre"};
    return made;
}

void take_outages(ObjectiveReport& report, std::vector<Outage> outages, const Period& period) {
    report.budget.spent_at_least = 0;
    report.budget.spent_at_most = 0;
    for (Outage& one : outages) {
        if (one.from >= period.to) {
            continue;
        }
        if (one.to > period.to) {
            one.to = period.to;
            one.ongoing = true;
            one.nominal = one.to - one.from;
            one.at_least = one.nominal - 20s;
            one.at_most = one.nominal + 25s;
        }
        if (!one.excused) {
            report.budget.spent_at_least += schemas::to_minutes(one.at_least);
            report.budget.spent_at_most += schemas::to_minutes(one.at_most);
        }
        report.outages.push_back(one);
    }
    report.budget.likely = Interval{report.budget.spent_at_least * 0.985, report.budget.spent_at_most * 1.04};
    const std::uint64_t failed = report.outages.size() * 40;
    report.runs.by_verdict.at(0) -= failed;
    report.runs.by_verdict.at(2) = failed;
}

Amendment amendment(std::int64_t number, Amendment::Kind kind, std::string who, Duration when, std::string note) {
    Amendment made;
    made.number = number;
    made.kind = kind;
    made.who = std::move(who);
    made.when = at(when);
    made.note = std::move(note);
    return made;
}

/// Hour by hour while the service is open: calm, a slow hour on Tuesday and on Thursday.
std::vector<ResponseStretch> hours(const Period& period, double p50, double p95, double slow) {
    std::vector<ResponseStretch> made;
    std::uint64_t dice = 17;
    for (Duration hour{}; at(hour) < period.to; hour += 1h) {
        const auto of_day = hour % day(1);
        const auto weekday = hour / day(1);
        const bool open = weekday < 5 ? of_day >= 6h : of_day >= 8h && of_day < 22h;
        if (!open) {
            continue;
        }
        dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
        const double noise = 0.85 + 0.3 * static_cast<double>(dice >> 40U) / static_cast<double>(1U << 24U);
        const bool bad = hour == day(1) + 10h || hour == day(3) + 14h;
        const double busy = of_day >= 9h && of_day < 17h ? 1.25 : 0.9;
        made.push_back({at(hour), std::min(at(hour + 1h), period.to), 160, p50 * noise * busy * (bad ? slow / 2 : 1),
                        p95 * noise * busy * (bad ? slow : 1), p95 * 3 * noise * (bad ? slow : 1)});
    }
    return made;
}

/// The four weeks before, nearest first.
std::vector<PastPeriod> four_weeks(std::vector<std::pair<Judgement, double>> weeks, double allowed, double p95) {
    std::vector<PastPeriod> made;
    for (std::size_t i = 0; i < weeks.size(); ++i) {
        const int back = static_cast<int>(i) + 1;
        // The clocks went back on Sunday 1 November.
        const Duration shift = back > 2 ? Duration(1h) : Duration(0);
        PastPeriod one;
        one.period = {"2026-W" + std::to_string(47 - back), at(-day(7 * back)) - shift,
                      at(-day(7 * (back - 1))) - (back > 3 ? Duration(1h) : Duration(0))};
        one.judgement = weeks[i].first;
        one.spent = weeks[i].second;
        one.allowed = allowed;
        one.unmeasured = i == 2 ? 0.034 : 0.0004;
        one.p95 = p95 * (1 - 0.03 * back);
        made.push_back(one);
    }
    return made;
}

const char* const ldap_reason = "LDAP bind to ldap1.campus.example:389 refused: invalid credentials (49)";

std::shared_ptr<Definition> im_definition() {
    auto made = service("campus-im", "Campus instant messaging",
                        "Chat for faculty, students, staff and the medical centre. People see their buddy list within "
                        "eight seconds of logging in.");
    made->service.tags = {{"lob", "medical"}, {"campus", "north"}, {"tier", "gold"}};
    for (unsigned weekday = 1; weekday <= 5; ++weekday) {
        made->window.open.push_back({std::chrono::weekday(weekday), 6 * 60, 24 * 60});
    }
    made->window.open.push_back({std::chrono::Saturday, 8 * 60, 22 * 60});
    made->window.open.push_back({std::chrono::Sunday, 8 * 60, 22 * 60});
    const std::vector<std::string> both{"im1.campus.example", "im2.campus.example"};
    const std::vector<std::string> places{"noc", "medical-centre"};
    made->probes = {probe("sign-in", Level::A2, "session", {"front-end", "ldap"}, both, places),
                    probe("buddy-list", Level::A3, "end-to-end", {"front-end", "ldap", "dns"}, both, places),
                    probe("messages", Level::A4, "end-to-end", {"front-end"}, {}, {"im1"}, 60s),
                    probe("prosody-process", Level::A0, "application", {}, {}, {"im1", "im2"})};
    made->probes.back().purpose = schemas::Purpose::diagnostic;
    Objective sign_in = objective("sign-in", "Sign-in", Level::A2, 50min);
    sign_in.recovery = 15min;
    sign_in.need.rule = Quorum::Rule::any;
    sign_in.causes = {{"network", 20min}, {"application", 25min}, {"power", 5min}};
    sign_in.agree.rule = Quorum::Rule::majority;
    Objective buddies = objective("buddy-list", "Buddy list", Level::A3, 60min);
    buddies.bands = {{std::nullopt, 8s, 0.98, std::nullopt}, {8s, 20s, std::nullopt, 0.05}};
    buddies.below_target_for = 10min;
    Objective chatting = objective("chatting", "Chatting", Level::A4, 2h);
    chatting.users = schemas::ActiveUsers{200, 15min};
    chatting.work = schemas::WorkRate{30, 1h};
    made->objectives = {sign_in, buddies, chatting};
    return made;
}

/// One told by its evidence, one called no outage and taken back, one found to be planned work.
std::vector<Outage> im_outages() {
    Outage bind = outage(day(1) + 10h + 2min, 48min, 47min + 20s, 48min + 55s, ldap_reason, "application");
    bind.evidence =
        "Both targets failed at the same second from both places, while name look-up and the log-in to the directory "
        "service went on: what they share is the application.";
    Outage refused = outage(day(3) + 13h + 56min, 39min, 38min, 40min,
                            "Connection to im2.campus.example:5222 refused: nothing listens there");
    refused.amendments = {
        amendment(2, Amendment::Kind::not_an_outage, "j.weber", day(4) + 9h + 12min, "nobody complained"),
        amendment(3, Amendment::Kind::undo, "m.tanaka", day(4) + 11h + 40min, "the help desk had 14 calls")};
    refused.amendments[0].undone = true;
    refused.amendments[1].undoes = 2;
    Outage moved =
        outage(day(5) + 20h, 18min, 17min, 19min, "Connection to im1.campus.example:5222 timed out", "power");
    moved.excused = Amendment::Kind::planned;
    moved.amendments = {amendment(4, Amendment::Kind::cause, "m.tanaka", day(7) + 8h + 30min, "the rack was moved"),
                        amendment(5, Amendment::Kind::planned, "m.tanaka", day(7) + 8h + 31min,
                                  "announced by mail on 12 November, but not in the definition")};
    moved.amendments[0].cause = "power";
    return {bind, refused, moved};
}

ServiceReport im_report(const std::shared_ptr<Definition>& made, const Period& period) {
    std::vector<BookedSpan> closed;
    for (int d = 0; d < 5; ++d) {
        closed.push_back({at(day(d)), at(day(d) + 6h), Booking::outside});
    }
    for (int d = 5; d < 7; ++d) {
        closed.push_back({at(day(d)), at(day(d) + 8h), Booking::outside});
        closed.push_back({at(day(d) + 22h), at(day(d + 1)), Booking::outside});
    }
    const auto with = [&](std::vector<BookedSpan> more) {
        more.insert(more.end(), closed.begin(), closed.end());
        std::sort(more.begin(), more.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
        return more;
    };
    ServiceReport report = report_of(made);
    ObjectiveReport sign_in = booked(made->objectives[0], period, Booking::up,
                                     with({{at(day(1) + 10h + 2min), at(day(1) + 10h + 50min), Booking::down},
                                           {at(day(3) + 13h + 56min), at(day(3) + 14h + 35min), Booking::down},
                                           {at(day(5) + 12h), at(day(5) + 12h + 12min), Booking::unmeasured},
                                           {at(day(5) + 20h), at(day(5) + 20h + 18min), Booking::planned}}));
    take_outages(sign_in, im_outages(), period);
    std::vector<CauseUse>& causes = sign_in.budget.causes;
    causes = {{"network", 20, 0}, {"application", 25, 48}, {"power", 5, 0}};
    sign_in.before = four_weeks(
        {{Judgement::met, 12.5}, {Judgement::missed, 64}, {Judgement::not_proven, 31}, {Judgement::met, 0}}, 50, 92);
    sign_in.responses = hours(period, 37, 88, 9);
    sign_in.unmeasured = {
        {"The prober at medical-centre sent nothing: its machine was restarted", 9min, {"medical-centre"}},
        {"The control target of noc failed too, so noc could not tell", 3min, {"noc"}}};
    sign_in.periodicity = {{10min, 60s, at(day(1) + 10h + 2min), at(day(4) + 9h), 41,
                            "about 1 minute, every 10 minutes, since Tuesday 10:02"}};
    if (period.to >= at(day(7))) {
        sign_in.revised = Revision{at(day(7) + 8h), std::string(method_version), Judgement::missed, 95,
                                   "412 results came late from medical-centre, and 1 outage was amended"};
    }
    const bool down_now = period.to < at(day(3) + 14h + 35min);
    const State now_state = down_now ? State::down : State::up;
    for (const char* place : {"noc", "medical-centre"}) {
        for (const char* target : {"im1.campus.example", "im2.campus.example"}) {
            sign_in.series.push_back(series(*made, "sign-in", target, place, now_state, at(day(3) + 13h + 56min),
                                            down_now ? "Connection to im2.campus.example:5222 refused" : ""));
        }
    }
    if (down_now) {
        sign_in.light = Light::red;
        sign_in.light_since = at(day(3) + 13h + 56min);
        sign_in.light_reason = "Connection to im2.campus.example:5222 refused: nothing listens there.";
    }
    ObjectiveReport buddies = booked(made->objectives[1], period, Booking::up,
                                     with({{at(day(1) + 10h), at(day(1) + 11h), Booking::degraded},
                                           {at(day(3) + 14h), at(day(3) + 14h + 40min), Booking::degraded}}));
    buddies.bands = {{made->objectives[1].bands[0], 0.9712, 19500, false, {0.9688, 0.9734}, 402, 3120},
                     {made->objectives[1].bands[1], 0.021, 420, true, {0.0191, 0.0231}, 11800, 18900}};
    buddies.met = false;
    buddies.verdict_note = "97.1 % of the buddy lists came within 8 s; 98 % were promised.";
    buddies.responses = hours(period, 410, 3600, 4);
    buddies.before =
        four_weeks({{Judgement::met, 0}, {Judgement::met, 4}, {Judgement::met, 0}, {Judgement::missed, 72}}, 60, 3400);
    buddies.response_ms = {20080, 812, 35, 24800, 2210, 410, 3900, 13100};
    if (period.to < at(day(3) + 14h + 40min)) {
        buddies.light = Light::amber;
        buddies.light_since = at(day(3) + 14h);
        buddies.light_reason = "Buddy list from im2.campus.example took 13.2 s; 8 s were promised.";
    }
    for (const char* place : {"noc", "medical-centre"}) {
        buddies.series.push_back(series(*made, "buddy-list", "im1.campus.example", place, State::up, period.from));
        buddies.series.push_back(
            series(*made, "buddy-list", "im2.campus.example", place, State::degraded, at(day(3) + 14h), "took 13.2 s"));
    }
    ObjectiveReport chatting = booked(made->objectives[2], period, Booking::up,
                                      with({{at(day(2) + 11h), at(day(2) + 11h + 20min), Booking::down}}));
    chatting.work = WorkResult{312, 45120, 34.2, 6400, 4240};
    for (Instant hour = period.from; hour < period.to; hour += 1h) {
        // A hump a day over the middle of it, and two hours in which nobody read.
        const double part = static_cast<double>((hour - period.from) / 1h % 24) / 24;
        if (hour != at(day(4) + 3h) && hour != at(day(4) + 4h)) {
            chatting.work->hours.push_back({hour, hour + 1h, 6360 + 4000 * (0.5 - std::abs(part - 0.5)), 6360, 212});
        }
    }
    Outage quiet = outage(day(2) + 11h, 20min, 19min, 21min,
                          "4 messages a minute by 212 active users; 106 were promised", "application");
    quiet.user_minutes = 4240;
    take_outages(chatting, {quiet}, period);
    chatting.response_ms = {};
    chatting.series.push_back(series(*made, "messages", "", "im1", State::up, period.from));
    report.objectives = {sign_in, buddies, chatting};
    return report;
}

std::shared_ptr<Definition> simple(const char* id, const char* title, const char* about, const char* objective_title,
                                   Level level) {
    auto made = service(id, title, about);
    made->probes = {probe("check", level, "end-to-end", {}, {"server.campus.example"}, {"noc"})};
    made->objectives = {objective("works", objective_title, level, 30min)};
    return made;
}

ServiceReport simple_report(const std::shared_ptr<Definition>& made, const Period& period, Booking base,
                            std::vector<BookedSpan> spans, Light light, State state) {
    ServiceReport report = report_of(made);
    ObjectiveReport works = booked(made->objectives[0], period, base, std::move(spans));
    works.light = light;
    works.series.push_back(series(*made, "check", "server.campus.example", "noc", state, period.from));
    report.objectives = {works};
    return report;
}

Report make(const Period& period, bool open) {
    const schemas::Definitions all = definitions();
    const auto get = [&](std::size_t i) { return std::const_pointer_cast<Definition>(all.at(i)); };
    Report report;
    report.period = period;
    report.so_far = open;
    report.services.push_back(simple_report(get(0), period, Booking::up, {}, Light::green, State::up));
    report.services.push_back(im_report(get(1), period));
    ServiceReport names =
        simple_report(get(2), period, Booking::up, {{at(day(2) + 3h), at(day(2) + 5h), Booking::unmeasured}},
                      Light::green, State::up);
    names.objectives[0].runs.by_verdict.at(0) -= 480;
    names.objectives[0].runs.by_verdict.at(4) = 400;
    names.objectives[0].unmeasured = {{"The prober at noc could not open its own resolver", 2h, {"noc"}}};
    report.services.push_back(names);
    ServiceReport backup = simple_report(get(3), period, Booking::unmeasured, {}, Light::grey, State::unmeasured);
    backup.objectives[0].runs.by_verdict = {};
    backup.objectives[0].response_ms = {};
    backup.objectives[0].unmeasured = {{"No result came from noc in the whole period", period.length(), {"noc"}}};
    backup.objectives[0].light_reason = "No result from noc for 3 days.";
    report.services.push_back(backup);
    report.services.push_back(simple_report(get(4), period, Booking::up,
                                            {{at(day(3) + 12h), at(day(3) + 16h), Booking::planned}},
                                            open ? Light::blue : Light::green, State::up));
    report.services.push_back(simple_report(get(5), period, Booking::outside,
                                            {{at(day(0) + 8h), at(day(0) + 12h), Booking::up}}, Light::hollow,
                                            State::up));
    ServiceReport bad = simple_report(get(6), period, Booking::up,
                                      {{at(day(0) + 1h), at(day(0) + 1h + 10min), Booking::down},
                                       {at(day(0) + 2h), at(day(0) + 2h + 1min), Booking::unmeasured}},
                                      Light::green, State::up);
    bad.objectives[0].series[0].reason = hostile;
    bad.objectives[0].series[0].key.target = hostile;
    take_outages(bad.objectives[0], {outage(day(0) + 1h, 10min, 9min, 11min, std::string(hostile) + " " + hostile)},
                 period);
    bad.objectives[0].outages[0].targets = {hostile};
    bad.objectives[0].outages[0].locations = {hostile};
    bad.objectives[0].outages[0].cause = hostile;
    bad.objectives[0].outages[0].evidence = hostile;
    Amendment said = amendment(1, Amendment::Kind::cause, hostile, day(1), hostile);
    said.cause = hostile;
    bad.objectives[0].outages[0].amendments = {said};
    bad.objectives[0].unmeasured = {{hostile, 1min, {hostile}}};
    bad.objectives[0].periodicity = {{600s, 60s, period.from, period.to, 3, hostile}};
    bad.objectives[0].revised = Revision{period.to, hostile, Judgement::met, 0, hostile};
    bad.objectives[0].budget.causes = {{hostile, 5, 3}};
    report.services.push_back(bad);
    for (ServiceReport& service : report.services) {
        service.period = {"2026-W47", week_start(), week_start() + day(7)};
        for (ObjectiveReport& objective : service.objectives) {
            objective.judgement = judge_figures(objective);
        }
    }
    return report;
}

}  // namespace

const char* const hostile =
    "<script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>&amp; \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D "
    "\xE2\x80\xAEgnp.exe \xF0\x9F\x98\x80 \x1B[31m=cmd|' /C calc'!A0 \xFF\xFE";

Instant week_start() {
    using namespace std::chrono;
    return sys_days(year(2026) / November / 16) + 5h;  // New York keeps UTC-5 in November
}

Instant now() {
    return at(day(3) + 14h + 20min);
}

schemas::Definitions definitions() {
    std::vector<std::shared_ptr<Definition>> all;
    all.push_back(simple("directory", "Campus directory", "Names, numbers and passwords of everybody on campus.",
                         "Look-up", Level::A3));
    all.push_back(im_definition());
    all.push_back(
        simple("names", "Campus names (DNS)", "Every other service stands on this one.", "Answers", Level::A3));
    all.push_back(simple("backup", "Backup", "", "Log-in", Level::A2));
    all.push_back(simple("library", "Library portal", "Catalogue, loans and reading rooms.", "Reading", Level::A3));
    all.back()->window.maintenance.push_back(
        {std::chrono::local_days(std::chrono::year(2026) / std::chrono::November / 19) + 12h,
         std::chrono::local_days(std::chrono::year(2026) / std::chrono::November / 19) + 16h, "new catalogue server",
         std::nullopt});
    all.push_back(simple("exams",
                         "Registration for the written examinations of the faculties of law, medicine, mathematics and "
                         "the natural sciences, including the evening school",
                         "Open on Monday mornings only.", "Registering for an examination with a valid student number",
                         Level::A2));
    all.back()->window.open = {{std::chrono::Monday, 8 * 60, 12 * 60}};
    all.push_back(simple("hostile", hostile, hostile, hostile, Level::A1));
    all.back()->service.owner = hostile;
    all.back()->service.definition = "javascript:alert(1)";
    all.back()->service.tags = {{hostile, hostile}};
    all.back()->probes[0].title = hostile;
    all.back()->probes[0].layer = hostile;
    return {all.begin(), all.end()};
}

Report week() {
    return make({"2026-W47", week_start(), week_start() + day(7)}, false);
}
Report so_far() {
    return make({"2026-W47", week_start(), now()}, true);
}

}  // namespace slimtax::reporter::sample
