#include "reporter/ledger/combine.hpp"

#include <algorithm>

namespace slimtax::reporter {
namespace {

using schemas::Instant;
using schemas::Quorum;
using schemas::State;

constexpr std::size_t readings = 3;
using Readings = std::array<State, readings>;

Readings readings_of(const StateSpan& span) {
    return {span.nominal, span.shortest, span.longest};
}

/// At `at`, a member's readings become these.
struct Change {
    Instant at;
    std::size_t member = 0;
    Readings states{};
};

std::vector<Change> changes_of(const std::vector<Member>& members) {
    std::vector<Change> changes;
    for (std::size_t i = 0; i < members.size(); ++i) {
        for (const StateSpan& span : *members[i].spans) {
            changes.push_back({span.from, i, readings_of(span)});
        }
    }
    std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.at < b.at; });
    return changes;
}

/// The votes of one reading, kept up to date change by change: each change costs one recount on each storey.
class Poll {
public:
    Poll(const std::vector<Member>& members, const CombineRules& rules) : members_(members), rules_(rules) {
        for (const Member& member : members) {
            probes_.resize(std::max(probes_.size(), member.probe + 1));
            auto& targets = probes_[member.probe].targets;
            targets.resize(std::max(targets.size(), member.target + 1));
            targets[member.target].locations.add(State::unmeasured, 1);
        }
        states_.assign(members.size(), State::unmeasured);
        population_.add(State::unmeasured, static_cast<int>(members.size()));
        for (Probe& probe : probes_) {
            probe.tally.add(State::unmeasured, static_cast<int>(probe.targets.size()));
        }
        objective_.add(State::unmeasured, static_cast<int>(probes_.size()));
    }

    void set(std::size_t index, State state) {
        const Member& member = members_[index];
        Probe& probe = probes_[member.probe];
        Target& target = probe.targets[member.target];
        move(population_, states_[index], state);
        move(target.locations, states_[index], state);
        states_[index] = state;
        const State voted = vote(target.locations, rules_.agree);
        move(probe.tally, target.state, voted);
        target.state = voted;
        const State served = serve(probe.tally, rules_.need);
        move(objective_, probe.state, served);
        probe.state = served;
    }

    [[nodiscard]] State result() const { return rules_.population ? worst_known(population_) : all_of(objective_); }

private:
    struct Target {
        Tally locations;
        State state = State::unmeasured;
    };
    struct Probe {
        std::vector<Target> targets;
        Tally tally;
        State state = State::unmeasured;
    };

    static void move(Tally& tally, State from, State to) {
        tally.add(from, -1);
        tally.add(to, 1);
    }

    const std::vector<Member>& members_;
    const CombineRules& rules_;
    std::vector<Probe> probes_;
    std::vector<State> states_;
    Tally population_;
    Tally objective_;
};

}  // namespace

int asked_for(const Quorum& quorum, int all) {
    switch (quorum.rule) {
        case Quorum::Rule::any: return 1;
        case Quorum::Rule::majority: return all / 2 + 1;
        case Quorum::Rule::all: return all;
        case Quorum::Rule::number: return std::clamp(quorum.number, 1, std::max(all, 1));
    }
    return all;
}

State vote(const Tally& locations, const Quorum& agree) {
    const int down = locations.of(State::down);
    const int unmeasured = locations.of(State::unmeasured);
    const int measured = locations.all() - unmeasured;
    if (measured == 0) {
        return State::unmeasured;
    }
    const bool numbered = agree.rule == Quorum::Rule::number;
    const int needed = asked_for(agree, numbered ? locations.all() : measured);
    if (down >= needed) {
        return State::down;
    }
    if (numbered && down + unmeasured >= needed) {
        return State::unmeasured;
    }
    return down + locations.of(State::degraded) >= needed ? State::degraded : State::up;
}

State serve(const Tally& targets, const Quorum& need) {
    const int needed = asked_for(need, targets.all());
    const int serving = targets.of(State::up) + targets.of(State::degraded);
    if (targets.of(State::up) >= needed) {
        return State::up;
    }
    if (serving >= needed) {
        return State::degraded;
    }
    return serving + targets.of(State::unmeasured) < needed ? State::down : State::unmeasured;
}

State all_of(const Tally& probes) {
    for (const State state : {State::down, State::unmeasured, State::degraded}) {
        if (probes.of(state) > 0) {
            return state;
        }
    }
    return State::up;
}

State worst_known(const Tally& series) {
    for (const State state : {State::down, State::degraded, State::up}) {
        if (series.of(state) > 0) {
            return state;
        }
    }
    return State::unmeasured;
}

StateSpans combine(const std::vector<Member>& members, const CombineRules& rules, Instant from, Instant to) {
    StateSpans result;
    if (members.empty()) {
        append(result, {from, to});
        return result;
    }
    std::vector<Poll> polls(readings, Poll(members, rules));
    const std::vector<Change> changes = changes_of(members);
    for (auto change = changes.begin(); change != changes.end();) {
        const Instant at = change->at;
        for (; change != changes.end() && change->at == at; ++change) {
            for (std::size_t r = 0; r < readings; ++r) {
                polls[r].set(change->member, change->states.at(r));
            }
        }
        const Instant end = change == changes.end() ? to : change->at;
        append(result, {at, end, polls[0].result(), polls[1].result(), polls[2].result()});
    }
    return result;
}

StateSpans blanked(const StateSpans& spans, const std::vector<Stretch>& stretches) {
    StateSpans result;
    auto stretch = stretches.begin();
    for (StateSpan span : spans) {
        while (span.from < span.to) {
            while (stretch != stretches.end() && stretch->to <= span.from) {
                ++stretch;
            }
            const bool blank = stretch != stretches.end() && stretch->from <= span.from;
            const Instant next = stretch == stretches.end() ? span.to : (blank ? stretch->to : stretch->from);
            StateSpan piece = span;
            piece.to = std::min(span.to, next);
            if (blank) {
                piece = {piece.from, piece.to};
            }
            append(result, piece);
            span.from = piece.to;
        }
    }
    return result;
}

std::vector<Stretch> faults(const std::vector<const StateSpans*>& controls) {
    std::vector<Member> members;
    for (const StateSpans* spans : controls) {
        members.push_back({0, 0, spans});
    }
    std::vector<Stretch> result;
    if (members.empty() || controls.front()->empty()) {
        return result;
    }
    // "All of the measured ones are down" is just the vote of one target's locations that must all agree.
    const CombineRules rules{{Quorum::Rule::all, 1}, {Quorum::Rule::all, 1}, false};
    for (const StateSpan& span : combine(members, rules, controls.front()->front().from, controls.front()->back().to)) {
        if (span.longest != State::down) {
            continue;
        }
        if (!result.empty() && result.back().to == span.from) {
            result.back().to = span.to;
        } else {
            result.push_back({span.from, span.to});
        }
    }
    return result;
}

}  // namespace slimtax::reporter
