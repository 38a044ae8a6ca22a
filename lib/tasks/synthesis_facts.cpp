#include "tasks/synthesis_facts.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "tasks/fact_texts.hpp"

namespace vox::tasks {
namespace {

using core::concat;
using core::DataError;

double median(std::vector<double> values) {
    std::ranges::sort(values);
    const size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

SynthesisFacts::Window window_of(const data::ShardReader& reader, size_t channel, const std::string& name) {
    std::vector<double> low, high;
    for (const size_t index : reader.split("train")) {
        const auto& statistics = reader.cases()[index].statistics.at(channel);
        if (statistics.voxels == 0) continue;
        low.push_back(statistics.p01);
        high.push_back(statistics.p99);
    }
    if (low.empty())
        throw DataError(concat("no training case has the channel ", name, ": there is nothing to learn it from"));
    const SynthesisFacts::Window window{median(low), median(high)};
    if (!(window.high > window.low))
        throw DataError(
            concat("channel ", name, " has the same intensity everywhere (", window.low, ") in most training cases"));
    return window;
}

/// Without a target, or with it alone, there is nothing to train.
bool can_be_generated(const std::vector<int64_t>& available, int64_t channel) {
    return available.size() > 1 && std::ranges::find(available, channel) != available.end();
}

}  // namespace

std::map<std::string, std::string> SynthesisFacts::to_texts() const {
    std::vector<double> low, high;
    for (const auto& window : windows) {
        low.push_back(window.low);
        high.push_back(window.high);
    }
    FactTexts texts{{"channels", core::join(channels, ",")},
                    {"target", target < 0 ? "" : channels.at(static_cast<size_t>(target))},
                    {"intensity_low", exact_texts(low)},
                    {"intensity_high", exact_texts(high)}};
    add_common_grid(texts, common_grid);
    return texts;
}

SynthesisFacts SynthesisFacts::from_texts(const std::map<std::string, std::string>& texts) {
    SynthesisFacts facts;
    facts.channels = split_text(fact_of(texts, "channels", "synthesis"));
    const auto low = numbers_of(fact_of(texts, "intensity_low", "synthesis")),
               high = numbers_of(fact_of(texts, "intensity_high", "synthesis"));
    if (low.size() != facts.channels.size() || high.size() != low.size())
        throw DataError("the checkpoint's intensities are not one for each of its channels");
    for (size_t c = 0; c < low.size(); ++c) facts.windows.push_back({low[c], high[c]});
    const auto& target = fact_of(texts, "target", "synthesis");
    facts.target = target.empty() ? -1 : facts.channel(target);
    facts.common_grid = common_grid_of(texts);
    return facts;
}

int64_t SynthesisFacts::channel(const std::string& name) const {
    const auto found = std::ranges::find(channels, name);
    if (found == channels.end())
        throw core::ConfigError(
            concat("there is no channel '", name, "' to generate; there are: ", core::join(channels)));
    return found - channels.begin();
}

at::Tensor SynthesisFacts::to_intensities(const at::Tensor& values, int64_t channel) const {
    const auto& window = windows.at(static_cast<size_t>(channel));
    return (values + 1) * ((window.high - window.low) / 2) + window.low;
}

at::Tensor SynthesisFacts::from_intensities(const at::Tensor& values, int64_t channel) const {
    const auto& window = windows.at(static_cast<size_t>(channel));
    return ((values - window.low) * (2 / (window.high - window.low)) - 1).clamp(-1, 1);
}

SynthesisFacts synthesis_facts(const data::ShardReader& reader, const std::string& target) {
    SynthesisFacts facts;
    facts.channels = reader.channel_names();
    facts.common_grid = reader.common_grid();
    if (facts.channels.size() < 2)
        throw DataError(concat("the data set has the channel ", core::join(facts.channels),
                               " only; synthesis generates one channel from others"));
    if (target != "random") facts.target = facts.channel(target);
    for (size_t c = 0; c < facts.channels.size(); ++c) facts.windows.push_back(window_of(reader, c, facts.channels[c]));
    return facts;
}

std::vector<int64_t> available_channels(const data::CaseInfo& info) {
    std::vector<int64_t> available;
    for (size_t c = 0; c < info.statistics.size(); ++c)
        if (info.statistics[c].voxels > 0) available.push_back(static_cast<int64_t>(c));
    return available;
}

int64_t draw_target(const ops::RandomKey& key, const std::vector<int64_t>& available, int64_t fixed) {
    if (available.size() < 2) return -1;
    const auto count = static_cast<uint32_t>(available.size());
    const int64_t channel =
        fixed >= 0 ? fixed : available[ops::random_below(key, ops::Purpose::target_channel, 0, 0, count)];
    return can_be_generated(available, channel) ? channel : -1;
}

int64_t judged_channel(size_t position, const std::vector<int64_t>& available, int64_t fixed) {
    if (available.size() < 2) return -1;
    const int64_t channel = fixed >= 0 ? fixed : available[position % available.size()];
    return can_be_generated(available, channel) ? channel : -1;
}

}  // namespace vox::tasks
