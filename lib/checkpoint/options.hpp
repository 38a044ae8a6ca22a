#pragma once

#include <cstdint>
#include <string>

#include "config/section.hpp"

namespace vox::checkpoint {

/// When to save, what to keep, and what to start from.
struct Options {
    int64_t every_steps = 500;
    double every_minutes = 15;
    int64_t keep_last = 2;
    bool keep_best = true;
    int64_t keep_every = 0;
    int64_t max_failures = 5;
    std::string resume = "auto";

    void read(config::Section& section) {
        section.value("every_steps", every_steps, "save every so many optimizer steps; 0: not by steps");
        section.value("every_minutes", every_minutes,
                      "save when so many minutes have passed since the last; 0: not by time");
        section.value("keep_last", keep_last, "how many of the newest checkpoints to keep, at least 1");
        section.value("keep_best", keep_best, "also keep the one with the best validation figure");
        section.value("keep_every", keep_every, "also keep those whose step is a multiple of this; 0: none");
        section.value("max_failures", max_failures, "stop after so many saves in a row could not be written");
        section.value("resume", resume,
                      "auto: the newest valid checkpoint of this run, if any; none; or a path to one");
        section.require(every_steps >= 0, "every_steps must be 0 or more");
        section.require(every_minutes >= 0, "every_minutes must be 0 or more");
        section.require(keep_last >= 1, "keep_last must be 1 or more");
        section.require(keep_every >= 0, "keep_every must be 0 or more");
        section.require(max_failures >= 1, "max_failures must be 1 or more");
        section.require(!resume.empty(), "resume must be auto, none or a path");
    }

    /// Whether to save after optimizer step `step` (steps done so far).  Rank 0 decides, since clocks differ.
    bool due(int64_t step, double minutes_since_last) const {
        const bool by_steps = every_steps > 0 && step > 0 && step % every_steps == 0;
        const bool by_time = every_minutes > 0 && minutes_since_last >= every_minutes;
        return by_steps || by_time;
    }
};

}  // namespace vox::checkpoint
