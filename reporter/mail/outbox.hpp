// What was sent to whom, so that nobody gets a report twice: tables of the store (schemas/store.sql, "mail").
//
// One row is one report for one recipient. Its way: `waiting` (the daemon tries it, again and again) or `failed`
// (nobody does, until a person sends) → `sending`, written to disk after the server said that it listens and before
// the first byte of the message → `accepted`; or back, when the server certainly did not take it. A row that is found
// `sending` while nobody sends belongs to a process that died in between: the message may have arrived or not. It
// becomes `uncertain` and is not sent again unless a person says so.
//
// "While nobody sends" is known by a lock (a file beside the store), which ends with the process that holds it.
// One outbox is used by one thread; the daemon and `send` each have their own.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reporter/store/sqlite.hpp"
#include "schemas/time.hpp"

namespace slimtax::reporter {

enum class MailState { waiting, sending, accepted, failed, uncertain };
[[nodiscard]] std::string_view to_string(MailState state);

struct MailCopy {
    std::int64_t id = 0;
    std::string list;
    std::string period;
    std::string address;
    int copy = 1;  ///< grows when a person sends again what was sent, or may have been
    MailState state = MailState::failed;
    schemas::Instant begun;    ///< when it was first to be sent
    schemas::Instant changed;  ///< when it came to this state
    schemas::Instant next;     ///< when a waiting one is tried (again)
    int attempts = 0;
    std::string says;  ///< what was heard last: a sentence without secrets
};

/// Whether two addresses are one recipient: capitals do not matter.
[[nodiscard]] bool same_address(std::string_view one, std::string_view other);

class Outbox {
public:
    /// Opens the store for writing, and makes or upgrades it when need be.
    [[nodiscard]] static Stored<std::unique_ptr<Outbox>> open(const std::filesystem::path& file);

    /// Held while something is sent, so that no two processes do.
    class Lock {
    public:
        explicit Lock(int fd) : fd_(fd) {}
        ~Lock();
        Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
        Lock& operator=(Lock&&) = delete;

    private:
        int fd_;
    };
    /// Nothing when another process is sending.
    [[nodiscard]] Stored<std::optional<Lock>> try_lock();

    /// To be called under the lock, before anything is sent. First writes what could not be written before. Then rows
    /// that are `sending` become `uncertain`, and are returned.
    [[nodiscard]] Stored<std::vector<MailCopy>> settle(schemas::Instant now);

    /// All copies of a period's report, by address and copy.
    [[nodiscard]] Stored<std::vector<MailCopy>> copies(std::string_view list, std::string_view period);
    /// Everything that waits, also for later.
    [[nodiscard]] Stored<std::vector<MailCopy>> waiting();
    [[nodiscard]] Stored<bool> has_sending();

    /// A further row; returns it with its id. The combination of list, period, address and copy must be new.
    [[nodiscard]] Stored<MailCopy> add(MailCopy copy);

    /// Writes state, times, attempts and what was said, durably. What fails for any state but `sending` is remembered
    /// and written by the next settle().
    [[nodiscard]] Stored<void> write(const MailCopy& copy);

    /// The latest turn that was begun or that lay before the list was new; nothing for a list never seen.
    [[nodiscard]] Stored<std::optional<schemas::Instant>> turn(std::string_view list);
    [[nodiscard]] Stored<void> set_turn(std::string_view list, schemas::Instant at);
    /// Begins a turn, all or nothing: a waiting row for each address that has none of that period, and set_turn().
    [[nodiscard]] Stored<void> begin_turn(std::string_view list, std::string_view period,
                                          const std::vector<std::string>& addresses, schemas::Instant at,
                                          schemas::Instant now);

    struct Figures {
        std::uint64_t waiting = 0;
        std::uint64_t uncertain = 0;  ///< of which no later copy was accepted
        std::optional<schemas::Instant> last_accepted;
    };
    [[nodiscard]] Stored<Figures> figures(std::string_view list);

    /// Tells this store from any other: part of every Message-ID.
    [[nodiscard]] Stored<std::string> store_name();

private:
    explicit Outbox(std::unique_ptr<Database> database) : database_(std::move(database)) {}
    [[nodiscard]] Stored<std::vector<MailCopy>> select(std::string_view where,
                                                       const std::vector<std::string_view>& texts);
    [[nodiscard]] Stored<void> update(const MailCopy& copy);

    std::unique_ptr<Database> database_;
    std::vector<MailCopy> owed_;
};

}  // namespace slimtax::reporter
