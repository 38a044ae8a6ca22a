#include "app/findings.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "core/text.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::ExitCode;

const char* name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok: return "ok";
        case Verdict::skipped: return "skipped";
        case Verdict::warning: return "warning";
        case Verdict::fails: return "fails";
    }
    return "";
}

Finding from_current_exception() {
    try {
        throw;
    } catch (const core::InternalError& error) {
        return Finding::fails(error.code(), concat("internal error at ", core::place(error.where()), ": ", error.what(),
                                                   "  This is a bug of the program: please report it."));
    } catch (const core::Error& error) {
        return Finding::fails(error.code(), error.what());
    } catch (const std::exception& error) {
        return Finding::fails(ExitCode::internal, concat("internal error: ", error.what()));
    }
}

std::string packed(const Finding& finding) {
    return concat(static_cast<int>(finding.verdict), ' ', static_cast<int>(finding.code), ' ', finding.text);
}

Finding unpacked(const std::string& text) {
    std::istringstream parts(text);
    int verdict = 0, code = 0;
    parts >> verdict >> code;
    parts.get();
    Finding finding{static_cast<Verdict>(verdict), "", static_cast<ExitCode>(code)};
    std::getline(parts, finding.text, '\0');
    return finding;
}

}  // namespace

std::string short_time(double seconds) {
    const double us = seconds * 1e6;
    if (us < 1000) return concat(std::llround(us), " us");
    return seconds < 1 ? concat(static_cast<double>(std::llround(us / 100)) / 10, " ms") : core::human_seconds(seconds);
}

size_t worst_of(const std::vector<Finding>& ranks) {
    const auto weight = [](const Finding& one) {
        return 2 * static_cast<int>(one.verdict) - (one.code == ExitCode::peer_failed ? 1 : 0);
    };
    size_t worst = 0;
    for (size_t rank = 1; rank < ranks.size(); ++rank)
        if (weight(ranks[rank]) > weight(ranks[worst])) worst = rank;
    return worst;
}

bool Findings::check(const std::string& subject, const std::function<Finding()>& examine) {
    Finding own;
    try {
        own = examine();
    } catch (...) {
        own = from_current_exception();
    }
    std::vector<Finding> all;
    for (const auto& text : world_.gather(packed(own))) all.push_back(unpacked(text));
    const size_t rank = worst_of(all);
    const Finding& worst = all[rank];
    const bool all_say_so = worst.verdict == Verdict::ok ||
                            std::ranges::all_of(all, [&](const Finding& one) { return one.text == worst.text; });
    // Every rank has a name of its own host; only rank 0's is the right one for all.
    const auto hosts = world_.gather(world_.host());
    print(worst.verdict, subject,
          all_say_so ? worst.text : concat("rank ", rank, " on ", hosts[rank], ": ", worst.text));
    if (worst.verdict == Verdict::warning) ++warnings_;
    if (worst.verdict != Verdict::fails) return true;
    if (failed_++ == 0) code_ = worst.code;
    return false;
}

void Findings::skip(const std::string& subject, const std::string& why) {
    ++skipped_;
    print(Verdict::skipped, subject, why);
}

ExitCode Findings::finish() {
    std::string text = failed_ == 0
                           ? "the run can work"
                           : concat("the run cannot work: ", failed_, failed_ == 1 ? " check fails" : " checks fail");
    if (warnings_ > 0) text += concat("; ", warnings_, warnings_ == 1 ? " warning" : " warnings");
    if (skipped_ > 0) text += concat("; not examined: ", skipped_);
    print(failed_ > 0 ? Verdict::fails : warnings_ > 0 ? Verdict::warning : Verdict::ok, "verdict", text);
    return code_;
}

void Findings::print(Verdict verdict, const std::string& subject, const std::string& text) const {
    if (!world_.is_root()) return;
    std::cout << std::left << std::setw(9) << name_of(verdict) << std::setw(15) << subject << text << std::endl;
}

}  // namespace vox::app
