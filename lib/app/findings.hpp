#pragma once
// What an examination found: a line a check, agreed on by all ranks, and the exit code that follows.

#include <functional>
#include <string>
#include <vector>

#include "comm/world.hpp"
#include "core/error.hpp"

namespace vox::app {

enum class Verdict { ok, skipped, warning, fails };  // from best to worst

/// What one rank found in one check.
struct Finding {
    Verdict verdict = Verdict::ok;
    std::string text;                              // what, where, and what to do
    core::ExitCode code = core::ExitCode::done;    // of a check that fails

    static Finding ok(std::string text) { return {Verdict::ok, std::move(text)}; }
    static Finding warning(std::string text) { return {Verdict::warning, std::move(text)}; }
    static Finding fails(core::ExitCode code, std::string text) { return {Verdict::fails, std::move(text), code}; }
};

/// "26 us", "3.1 ms", "4.2 s".
std::string short_time(double seconds);

/// Of all ranks' findings the one that is printed: the worst, of equals the first; a complaint about a peer says less than the
/// peer's own.  Pure.  Returns its rank.
size_t worst_of(const std::vector<Finding>& ranks);

/// The lines of an examination.  Every function is for all ranks, in the same order.
class Findings {
public:
    /// `world` outlives this object.
    explicit Findings(comm::World& world) : world_(world) {}

    /// Runs `examine` on every rank, and prints one line on rank 0's standard output: rank 0's finding where all agree, else the
    /// worst with its rank.  An exception is a check that fails, with the exception's code.  What may throw on one rank alone
    /// must not stand before a collective within `examine`, unless in World::together.  Returns false where any rank's failed.
    bool check(const std::string& subject, const std::function<Finding()>& examine);

    /// A check that cannot be made.
    void skip(const std::string& subject, const std::string& why);

    /// Prints the verdict over all.  The exit code of the first check that failed, or done.
    core::ExitCode finish();

private:
    void print(Verdict verdict, const std::string& subject, const std::string& text) const;

    comm::World& world_;
    int failed_ = 0, warnings_ = 0, skipped_ = 0;
    core::ExitCode code_ = core::ExitCode::done;
};

}  // namespace vox::app
