#include "app/generate_files.hpp"

#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

using core::concat;

void say_windows(const tasks::SynthesisFacts& facts) {
    std::vector<std::string> windows;
    for (size_t c = 0; c < facts.channels.size(); ++c)
        windows.push_back(concat(facts.channels[c], ' ', facts.windows[c].low, " .. ", facts.windows[c].high));
    core::log::info("intensities are those of the training data: ", core::join(windows));
}

}  // namespace

size_t generate_cases(comm::World& world, const ResultFolders& folders, tasks::SynthesisPredictor& predictor) {
    const auto& facts = predictor.facts();
    const InputCases cases(world, folders,
                           {.channels = facts.channels,
                            .may_lack = std::ssize(facts.channels) - 1,
                            .grid = facts.common_grid,
                            .intensities = data::Normalisation::percentile});
    say_windows(facts);
    cases.each(world, {"generating", "generated", "volume"},
               [&](const data::Sample& sample) { write_volumes(folders, predictor, sample); });
    return cases.size();
}

}  // namespace vox::app
