// What an operation is (`do = "http.get"`): a self-description and one coroutine. One source file per kind, one
// row in registry.cpp; docs/add-a-probe.md walks through it.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <utility>
#include <vector>

#include "probes/io/loop.hpp"
#include "probes/io/task.hpp"
#include "schemas/definition.hpp"
#include "schemas/operation_info.hpp"
#include "schemas/result.hpp"

namespace slimtax::probes {

class Engine;

/// What one operation says of itself; the script adds `slow` and `expect`.
struct Outcome {
    schemas::Verdict verdict = schemas::Verdict::ok;
    std::string reason;  ///< a sentence that names server and cause; empty when ok

    static Outcome ok() { return {}; }
    static Outcome failed(std::string reason) { return {schemas::Verdict::failed, std::move(reason)}; }
    static Outcome timeout(std::string reason) { return {schemas::Verdict::timeout, std::move(reason)}; }
    static Outcome fault(std::string reason) { return {schemas::Verdict::prober_fault, std::move(reason)}; }
};

/// A step's parameters after expansion (a parameter that the target fills is among `values`), completed with the
/// defaults of the operation's OperationInfo. A text for a number, a flag or a duration is read as such: expansion
/// makes texts; std::invalid_argument with a sentence when it is none. `info` must outlive it. Getters throw
/// std::logic_error for a name the operation did not declare: that is our own mistake.
class Arguments {
public:
    Arguments(const schemas::OperationInfo& info, std::map<std::string, schemas::Value> values);
    /// The values as written, but for those that expansion changed or added. `written` must outlive it.
    Arguments(const schemas::OperationInfo& info, const std::map<std::string, schemas::Value>& written,
              std::map<std::string, schemas::Value> changed);
    Arguments(Arguments&&) = default;
    Arguments& operator=(Arguments&&) = default;
    Arguments(const Arguments&) = delete;
    Arguments& operator=(const Arguments&) = delete;
    ~Arguments() = default;

    [[nodiscard]] bool has(std::string_view name) const;                 ///< written, defaulted or filled by the target
    [[nodiscard]] const std::string& text(std::string_view name) const;  ///< "" when absent
    [[nodiscard]] std::int64_t integer(std::string_view name) const;     ///< 0 when absent
    [[nodiscard]] bool flag(std::string_view name) const;                ///< false when absent
    [[nodiscard]] schemas::Duration duration(std::string_view name) const;
    [[nodiscard]] const schemas::TextList& list(std::string_view name) const;
    [[nodiscard]] const schemas::TextMap& map(std::string_view name) const;
    [[nodiscard]] const schemas::Pattern* pattern(std::string_view name) const;  ///< null when absent
    [[nodiscard]] const schemas::PatternList& patterns(std::string_view name) const;

private:
    [[nodiscard]] const schemas::Value* find(std::string_view name) const;

    void take(const std::string& name, const schemas::Value& value);

    const schemas::OperationInfo* info_;
    std::map<std::string, schemas::Value> own_;    // what was expanded or converted for this run; nodes stay in place
    std::vector<const schemas::Value*> by_place_;  // of the parameter; null: absent. In own_, in `written` or a default
};

/// What the steps of one run share: an open XMPP stream, cookies. Closed, in reverse order, when the run ends.
class Session {
public:
    Session() = default;
    ~Session() { close(); }
    Session(Session&&) = default;
    Session& operator=(Session&& other) noexcept {
        if (this != &other) {
            close();
            parts_ = std::move(other.parts_);
        }
        return *this;
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// The object of type T that an earlier step put here, or null.
    template <class T>
    [[nodiscard]] T* find() const {
        for (const Part& part : parts_) {
            if (part.type == typeid(T)) {
                return static_cast<T*>(part.object.get());
            }
        }
        return nullptr;
    }
    /// In place of one of the same type, which is closed.
    template <class T>
    T& put(std::shared_ptr<T> part) {
        T& reference = *part;
        drop<T>();
        parts_.push_back({typeid(T), std::move(part)});
        return reference;
    }
    template <class T>
    void drop() {
        std::erase_if(parts_, [](const Part& part) { return part.type == typeid(T); });
    }

private:
    struct Part {
        std::type_index type;
        std::shared_ptr<void> object;
    };
    void close() {
        while (!parts_.empty()) {
            parts_.pop_back();
        }
    }
    std::vector<Part> parts_;  // a handful, in the order they came
};

/// What a series remembers from run to run and across restarts (a log's read position). Small texts.
class Memory {
public:
    virtual ~Memory() = default;
    [[nodiscard]] virtual std::optional<std::string> recall(std::string_view name) const = 0;
    virtual void remember(std::string_view name, std::string value) = 0;
};

/// What an operation leaves behind besides its outcome.
class StepReport {
public:
    /// A named part of the response time: "lookup", "connect", "tls", "first_byte", "body".
    void timing(std::string name, schemas::Duration took) { timings.push_back({std::move(name), took}); }
    /// A value for `expect` and `save`; must be declared in the OperationInfo.
    void output(std::string_view name, schemas::OutputValue value) { outputs.set(name, std::move(value)); }
    /// A value for later steps, as `save` makes them.
    void save(std::string name, std::string value) { saved.emplace_back(std::move(name), std::move(value)); }
    /// A line of the run's transcript, for `try`. Never a secret's value.
    void note(std::string line) {
        if (keeps_notes) {
            transcript.push_back(std::move(line));
        }
    }
    /// The operation's own measure of its response time, where it is more exact than the runner's.
    void response(schemas::Duration took) { measured = took; }

    /// Something measured beside time, kept with the result. A server's words are made fit; what is no finite number
    /// or beyond schemas::most_figures is dropped. False then.
    bool figure(std::string_view name, double value, std::string_view unit = {});

    bool keeps_notes = true;  ///< false: nobody watches, so lines for the transcript need not be made
    std::vector<schemas::Timing> timings;
    std::vector<schemas::Figure> figures;
    schemas::Outputs outputs;
    std::vector<std::pair<std::string, std::string>> saved;
    std::vector<std::string> transcript;
    std::optional<schemas::Duration> measured;
    // A4: work read by this step; users are pseudonymised by the runner before anything leaves the process.
    std::uint64_t work = 0;
    schemas::Duration work_span{};
    std::vector<std::pair<std::string, std::uint64_t>> users;
};

/// What one step of one run may use. References live as long as the step.
struct StepContext {
    Engine& engine;  ///< loop, resolver, TLS, HTTP
    const Arguments& arguments;
    TimePoint deadline;  ///< the earlier of the step's and the run's; every wait takes it
    Session& session;
    Memory& memory;
    StepReport& report;
    std::string_view target;    ///< as in the definition; may be empty
    schemas::Instant wall_now;  ///< the wall clock at the step's start: operations never read it themselves
};

/// Runs the operation once. Must return by the deadline (a few milliseconds late at most) and never throw for
/// anything that a server or a network did; what it throws becomes `prober_fault`.
using RunStep = Task<Outcome> (*)(StepContext& context);

/// One row of the registry.
struct Operation {
    schemas::OperationInfo info;
    RunStep run;
    /// How many descriptors it has open at a time, at the most; as many of them as it keeps for later steps count
    /// until the run ends.
    std::size_t descriptors = 1;
};

}  // namespace slimtax::probes
